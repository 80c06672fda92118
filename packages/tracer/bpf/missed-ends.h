/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Ends that no program saw: entries of the flow table whose socket is closed. Some kernels run no program in certain
 * moments, and do not count that.
 */
#pragma once

#include "flow.h"

struct closed_flow {
	__u64 sk;    /* 0 behind the last one: then `id_ns` is the place of the table's last entry, from 0 */
	__u64 id_ns;
	__u32 id_cpu;
	__u32 reserved;
} SHARED;

/*
 * The change to TCP_CLOSE is reported before the socket has that state: a closed socket in the table means that no program
 * saw it, but for the moment in which connect() and accept() enter it. User space therefore looks twice. The memory of a socket
 * that is gone holds another socket of TCP, or whatever else: then a state that there is not.
 */
static __always_inline bool is_gone(const struct sock *sk)
{
	__u8 state = socket_state(sk);

	return state == TCP_CLOSE || state == 0 || state > TCP_CLOSING || state == TCP_LISTEN;
}

static __noinline int describe_closed(struct closed_flow *closed, __u64 sk, const struct flow *flow)
{
	if (!closed || !flow || !is_gone((const struct sock *)sk))
		return 0;
	closed->sk = sk;
	closed->id_ns = flow->id_ns;
	closed->id_cpu = flow->id_cpu;
	closed->reserved = 0;
	return 1;
}

static __always_inline int write_closed_flow(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct closed_flow closed = {};
	struct flow *flow = ctx->value;
	__u64 *key = ctx->key;

	if (!key || !flow)
		closed.id_ns = ctx->meta->seq_num;
	else if (!describe_closed(&closed, *key, flow))
		return 0;
	bpf_seq_write(seq, &closed, sizeof(closed));
	return 0;
}
