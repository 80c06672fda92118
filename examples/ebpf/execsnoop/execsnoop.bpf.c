// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports each program that starts, once the kernel has put it in the place of the process's earlier one.
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only what this process's children start; 0: everything. */
const volatile __u32 only_parent;

struct event {
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 length;		/* bytes of the command line */
	__u8 command_line[256]; /* each argument ends with a NUL; what is longer is cut off */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct event);
} events SEC(".maps");

static __always_inline __u32 read_command_line(struct mm_struct *mm, __u8 *into, __u32 room)
{
	__u64 start = BPF_CORE_READ(mm, arg_start);
	__u64 length = BPF_CORE_READ(mm, arg_end) - start;

	if (length > room)
		length = room;
	return bpf_probe_read_user(into, length, (void *)start) == 0 ? length : 0;
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	__u32 ppid = BPF_CORE_READ(task, real_parent, tgid);
	struct event *event;

	if (only_parent && ppid != only_parent)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = current_pid();
	event->ppid = ppid;
	event->uid = bpf_get_current_uid_gid();
	event->length = read_command_line(BPF_CORE_READ(task, mm), event->command_line, sizeof(event->command_line));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
