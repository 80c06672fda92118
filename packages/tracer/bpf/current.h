/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The process that runs now. */
#pragma once

#include "event.h"

static __always_inline void read_current(struct process *process)
{
	__u64 id = bpf_get_current_pid_tgid();

	process->pid = id >> 32;
	process->tid = id;
	process->uid = bpf_get_current_uid_gid();
	process->reserved = 0;
	process->cgroup_id = bpf_get_current_cgroup_id();
	bpf_get_current_comm(process->comm, sizeof(process->comm));
}
