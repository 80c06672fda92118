// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports each C++ exception that is thrown, by the static probe in the C++ library, whoever catches it.
#include "../kernel/task.h"

#include <weir/usdt.bpf.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	__u32 pid;
	char comm[TASK_COMM_LEN];
	char type[128]; /* as compilers write it: St12length_error */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

/* std::type_info of a process: a table of functions, then the name. */
struct type_info {
	__u64 functions;
	__u64 name;
};

SEC("usdt/libstdc++.so.6:libstdcxx:throw")
int BPF_USDT(on_throw, void *exception, struct type_info *type)
{
	struct type_info info = {};
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->pid = current_pid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_user(&info, sizeof(info), type);
	if (bpf_probe_read_user_str(event->type, sizeof(event->type), (void *)info.name) < 0)
		event->type[0] = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
