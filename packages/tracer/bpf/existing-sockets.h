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
	process->cgroup_id = 0;
	if (bpf_core_field_exists(struct css_set, dfl_cgrp))
		process->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	BPF_CORE_READ_STR_INTO(&process->comm, task, comm);
}

static __always_inline struct sock *socket_of(struct file *file)
{
	struct socket *socket;

	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/*
 * Finds which side opened a connection that is older than the tracer. Acknowledged payload is the payload sent once less
 * the payload in flight; on the side that connected, bytes_acked is one more, for its SYN. The answer is known only while
 * no FIN of this side has gone out, and only if the counters do not change while they are read.
 */
static __always_inline enum direction infer_direction(const struct sock *sk, int state)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u64 acked, in_flight, sent;

	if (state == TCP_SYN_SENT)
		return DIRECTION_OUTBOUND;
	if ((state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) || !bpf_core_field_exists(tp->bytes_retrans))
		return DIRECTION_UNKNOWN;
	acked = BPF_CORE_READ(tp, bytes_acked);
	in_flight = (__u32)(BPF_CORE_READ(tp, snd_nxt) - BPF_CORE_READ(tp, snd_una));
	sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	if (BPF_CORE_READ(tp, bytes_acked) != acked)
		return DIRECTION_UNKNOWN;
	if (acked + in_flight == sent + 1)
		return DIRECTION_OUTBOUND;
	if (acked + in_flight == sent)
		return DIRECTION_INBOUND;
	return DIRECTION_UNKNOWN;
}

static __always_inline int add_existing_socket(struct task_struct *task, struct file *file)
{
	struct flow flow = {};
	struct tuple tuple;
	struct sock *sk;
	int state;

	sk = socket_of(file);
	if (!sk || !read_tuple(sk, &tuple) || !is_tcp(sk))
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
	if (!process_passes(&flow.owner) || !tuple_passes(&tuple) || !direction_passes(flow.direction))
		return 0;
	if (state != TCP_SYN_SENT && state != TCP_SYN_RECV)
		flow.flags |= FLOW_ESTABLISHED;
	identify_flow(&flow);
	/* The connection may have ended since its state was read. */
	if (follow_flow(sk, &flow, BPF_NOEXIST) && socket_state(sk) == TCP_CLOSE)
		forget_flow(sk);
	return 0;
}
