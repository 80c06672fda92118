// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Measures how long threads that could run wait for a CPU.
#include "../kernel/histogram.h"
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only this process's threads; 0: all. */
const volatile __u32 only_pid;

/* Microseconds. */
__u64 slots[HISTOGRAM_SLOTS];

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The field was called `state` until 5.14. */
struct task_struct___before_5_14 {
	long state;
};

struct task_struct___since_5_14 {
	unsigned int __state;
};

#pragma clang attribute pop

/* When threads began to wait, in nanoseconds. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} waiting SEC(".maps");

static void begins_to_wait(struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 thread = task->pid;

	if (!only_pid || task->tgid == only_pid)
		bpf_map_update_elem(&waiting, &thread, &now, BPF_ANY);
}

/* Whether a thread that leaves its CPU would rather have kept it. */
static bool could_run(struct task_struct *task)
{
	struct task_struct___since_5_14 *newer = (void *)task;
	struct task_struct___before_5_14 *older = (void *)task;

	if (bpf_core_field_exists(newer->__state))
		return BPF_CORE_READ(newer, __state) == 0;
	return BPF_CORE_READ(older, state) == 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	begins_to_wait(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_first_wakeup, struct task_struct *task)
{
	begins_to_wait(task);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempted, struct task_struct *from, struct task_struct *to)
{
	__u32 thread = to->pid;
	__u64 *since;

	if (could_run(from) && from->pid != 0)
		begins_to_wait(from);
	since = bpf_map_lookup_elem(&waiting, &thread);
	if (!since)
		return 0;
	count_value(slots, (bpf_ktime_get_ns() - *since) / 1000);
	bpf_map_delete_elem(&waiting, &thread);
	return 0;
}
