/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sockets from before the start, with their owners: a walk over all open files of all processes. */
#pragma once

#include "tcp-lifecycle.h"

static __always_inline void read_task(struct task_struct *task, struct process *process)
{
	process->pid = BPF_CORE_READ(task, tgid);
	process->tid = process->pid;
	process->uid = BPF_CORE_READ(task, cred, uid.val);
	process->reserved = 0;
	__builtin_memset(process->thread, 0, sizeof(process->thread));
	process->cgroup_id = 0;
	if (bpf_core_field_exists(struct css_set, dfl_cgrp))
		process->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	BPF_CORE_READ_STR_INTO(&process->comm, task, group_leader, comm);
}

static __always_inline struct sock *socket_of(struct file *file)
{
	struct socket *socket;

	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline int add_existing_socket(struct task_struct *task, struct file *file)
{
	struct flow flow = {};
	struct tuple tuple = {};
	struct sock *sk;
	int state;

	sk = socket_of(file);
	if (!sk || !read_tuple(sk, &tuple) || !is_connection(sk))
		return 0;
	state = socket_state(sk);
	if (state == TCP_CLOSE || (state == TCP_LISTEN && !uses_listeners()))
		return 0;
	read_task(task, &flow.owner);
	if (state == TCP_LISTEN) {
		remember_listener(sk, &flow.owner, BPF_NOEXIST);
		return 0;
	}
	flow.direction = infer_direction(sk, state);
	if (!tuple_passes(&tuple))
		return 0;
	if (!process_passes(&flow.owner) || !direction_passes(flow.direction)) {
		filter_out(sk);
		return 0;
	}
	if (state != TCP_SYN_SENT && state != TCP_SYN_RECV)
		flow.flags |= FLOW_ESTABLISHED;
	identify_flow(&flow);
	/* The connection may have ended since its state was read. */
	if (follow_flow(sk, &flow, BPF_NOEXIST) && socket_state(sk) == TCP_CLOSE)
		forget_flow(sk);
	return 0;
}
