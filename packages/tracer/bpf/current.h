/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The process that runs now. */
#pragma once

#include "event.h"
#include "reads.h"
#include "verified-once.h"

/* What the current thread may do, and its name: the verifier lets typed reads do without the helpers, which take longer. */
static __always_inline void read_uid_and_comm(struct process *process)
{
#ifdef TYPED_READS
	const struct task_struct *task = (const void *)bpf_get_current_task();
	/* The kernel clears what follows the name's end. */
	const __u64 *comm = (const void *)&READ(struct task_struct, task, comm);
	__u64 *copy = (__u64 *)process->comm;

	/* The number in the initial user namespace, as the helper has it. */
	process->uid = READ(struct task_struct, task, cred->uid.val);
	copy[0] = comm[0];
	copy[1] = comm[1];
#else
	process->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(process->comm, sizeof(process->comm));
#endif
}

/* Names of the process and of its thread, whose own has been read; in a process with one thread, they are the same. */
static __always_inline void read_names(struct process *process)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	__builtin_memset(process->thread, 0, sizeof(process->thread));
	if (process->pid == process->tid || !bpf_core_field_exists(task->group_leader) ||
	    !bpf_core_field_exists(task->comm))
		return;
	__builtin_memcpy(process->thread, process->comm, sizeof(process->thread));
	/* The name is a key of a filter: nothing may follow its end. */
	__builtin_memset(process->comm, 0, sizeof(process->comm));
	BPF_CORE_READ_STR_INTO(&process->comm, task, group_leader, comm);
}

VERIFIED_ONCE __u32 current_flags(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return bpf_core_field_exists(task->flags) ? READ(struct task_struct, task, flags) : 0;
}

/*
 * Whether a thread of the kernel's own runs: it acts for a process, or for the kernel. (io_uring's are threads of the process,
 * since 5.12.)
 */
static __always_inline bool is_kernel_thread(void)
{
	return current_flags() & PF_KTHREAD;
}

/*
 * Whether a thread of the kernel's own runs that does whatever it is given: one of a workqueue, or one that works in the memory
 * of a process, as io_uring's did before 5.12. Its name says nothing of whose work it does. Others, such as nfsd's, have work of
 * their own.
 */
static __always_inline bool is_worker(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 flags = current_flags();

	if (!(flags & PF_KTHREAD))
		return false;
	if (flags & PF_WQ_WORKER)
		return true;
	return bpf_core_field_exists(task->mm) && READ(struct task_struct, task, mm);
}

/* Reads the current process into one that is all zeros, as it remains where a worker of the kernel's runs: that is none. */
VERIFIED_ONCE int read_current(struct process *process)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (!process || is_worker())
		return 0;
	process->pid = id >> 32;
	process->tid = id;
	process->reserved = 0;
	process->cgroup_id = bpf_get_current_cgroup_id();
	read_uid_and_comm(process);
	read_names(process);
	return 0;
}
