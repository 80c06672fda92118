// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports each file that is opened, and each that is not, with the reason. The name is read at the call's end: by then it is in memory.
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only this process; 0: all. */
const volatile __u32 only_pid;

/* The formats of /sys/kernel/tracing/events/syscalls. */
struct call {
	__u64 common;
	__s64 number;
	__u64 arguments[6];
};

struct call_end {
	__u64 common;
	__s64 number;
	__s64 result;
};

struct event {
	__u32 pid;
	__s32 result; /* the file's descriptor, or the negative errno */
	char comm[TASK_COMM_LEN];
	char path[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct event);
} events SEC(".maps");

/* Paths of calls that are under way, by thread. One that is killed in its call leaves its entry until others need the room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u64);
} paths SEC(".maps");

static int begin(struct call *call)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 path = call->arguments[1];

	if (only_pid && current_pid() != only_pid)
		return 0;
	bpf_map_update_elem(&paths, &thread, &path, BPF_ANY);
	return 0;
}

static int end(struct call_end *call)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 *path = bpf_map_lookup_elem(&paths, &thread);
	struct event *event;

	if (!path)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->pid = current_pid();
		event->result = call->result;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		if (bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)*path) < 0)
			event->path[0] = 0;
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&paths, &thread);
	return 0;
}

SEC("tp/syscalls/sys_enter_openat")
int on_openat(struct call *call)
{
	return begin(call);
}

SEC("tp/syscalls/sys_exit_openat")
int on_openat_end(struct call_end *call)
{
	return end(call);
}

SEC("tp/syscalls/sys_enter_openat2")
int on_openat2(struct call *call)
{
	return begin(call);
}

SEC("tp/syscalls/sys_exit_openat2")
int on_openat2_end(struct call_end *call)
{
	return end(call);
}
