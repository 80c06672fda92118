// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Kernel memory read through CO-RE, with helpers that old kernels know by another name.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
	int no_such_member;
	char comm[16];
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

static __always_inline void store(__u32 key, __u64 value)
{
	bpf_map_update_elem(&results, &key, &value, BPF_ANY);
}

SEC("raw_tp/sys_enter")
int read_task(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	char comm[16] = {};

	if (BPF_CORE_READ(task, tgid) != bpf_get_current_pid_tgid() >> 32)
		store(3, 1);
	store(0, BPF_CORE_READ(task, real_parent, tgid));
	bpf_core_read_str(comm, sizeof(comm), &task->comm);
	store(1, comm[0]);
	if (bpf_core_field_exists(task->no_such_member))
		store(2, BPF_CORE_READ(task, no_such_member));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
