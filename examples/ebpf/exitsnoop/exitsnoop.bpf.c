// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports each process that ends: how long it ran, and how it ended.
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only this process's children; 0: everything. */
const volatile __u32 only_parent;

struct event {
	__u32 pid;
	__u32 ppid;
	__u64 age_ns;
	__u32 status; /* as wait(2) has it: the exit code in the second byte, or the signal in the first */
	char comm[TASK_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct event *event;

	/* The last thread of a process ends it. */
	if (task->signal->live.counter != 0)
		return 0;
	if (only_parent && task->real_parent->tgid != only_parent)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = task->tgid;
	event->ppid = task->real_parent->tgid;
	event->age_ns = bpf_ktime_get_ns() - task->start_time;
	event->status = task->exit_code;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
