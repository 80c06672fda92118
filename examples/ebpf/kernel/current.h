/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The process that runs, for programs on cgroups: before Linux 6.1 these have no bpf_get_current_pid_tgid(), but they can read the task. */
#pragma once

#include "task.h"

struct process {
	__u32 pid;
	char comm[TASK_COMM_LEN];
};

static __always_inline void read_process(struct process *process)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	process->pid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_INTO(&process->comm, task, comm);
}
