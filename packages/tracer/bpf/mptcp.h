/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * MPTCP (5.6): a program has one socket, of protocol IPPROTO_MPTCP, and the kernel carries its connection over one or more
 * TCP sockets, the subflows. The connection is followed by the program's socket. Its counters are the sums over its subflows.
 */
#pragma once

#include "counters.h"
#include "flow.h"

/* The path managers of the kernel open at most eight. */
#define MAX_SUBFLOWS 8

struct ended_subflows {
	struct counters counters;
	__u32 count;
	__u32 flags; /* which counters are known, of enum event_flag */
};

/*
 * Key: address of the connection's struct sock. Inserted when the first subflow of a followed connection ends before
 * it, deleted with the connection's entry in the flow table.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct ended_subflows);
} ended_subflows SEC(".maps");

static __always_inline struct mptcp_subflow_context *subflow_context(const struct sock *sk)
{
	return BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_ulp_data);
}

/* NULL where there is none yet. */
static __always_inline struct sock *connection_of_subflow(const struct sock *sk)
{
	struct mptcp_subflow_context *context = subflow_context(sk);

	return context ? BPF_CORE_READ(context, conn) : NULL;
}

/* Whether a subflow joined a connection, rather than begin it. */
static __always_inline bool joined(const struct sock *sk)
{
	struct mptcp_subflow_context *context = subflow_context(sk);

	return context && BPF_CORE_READ_BITFIELD_PROBED(context, mp_join);
}

/*
 * Which side opened a subflow: of the one with which a connection began, the connection's own direction says it. Where both ends connect at
 * once, or a socket to itself, the kernel notes the request of the other.
 */
static __noinline enum direction subflow_direction(struct mptcp_subflow_context *context, enum direction connection)
{
	if (connection != DIRECTION_UNKNOWN && !BPF_CORE_READ_BITFIELD_PROBED(context, mp_join))
		return connection;
	if (BPF_CORE_READ_BITFIELD_PROBED(context, request_mptcp) ||
	    BPF_CORE_READ_BITFIELD_PROBED(context, request_join))
		return DIRECTION_OUTBOUND;
	return DIRECTION_INBOUND;
}

/* `address`: of its struct mptcp_subflow_context. */
VERIFIED_ONCE int add_live_subflow(__u64 address, struct tcp_event *event)
{
	struct mptcp_subflow_context *context = (void *)address;
	struct sock *sk;
	int state;

	/* Some kernels check a global function also where none calls it. */
	if (!knows_mptcp() || !event)
		return 0;
	sk = BPF_CORE_READ(context, tcp_sock);
	if (!sk)
		return 0;
	state = socket_state(sk);
	if (state == TCP_CLOSE || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return 0;
	event->subflows++;
	event->flags |= add_counters(sk, subflow_direction(context, event->direction), state, counters_of(event));
	return 0;
}

/*
 * Payload that was sent again over another subflow counts on each of them: of several subflows, the connection's own counters
 * show what its program sent and received (6.5; kernels that have them load typed programs).
 */
static __always_inline void count_once(const struct sock *sk, int state, struct tcp_event *event)
{
#ifdef TYPED_READS
	const struct mptcp_sock *connection = (const void *)sk;
	__u64 acked;

	if (event->subflows < 2 || !bpf_core_field_exists(connection->bytes_acked))
		return;
	acked = READ(struct mptcp_sock, connection, bytes_acked);
	/* The end of the data has a sequence number, too. */
	if (acked && state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT &&
	    !READ(struct mptcp_sock, connection, snd_data_fin_enable))
		acked--;
	event->bytes_sent = acked;
	event->bytes_received = READ(struct mptcp_sock, connection, bytes_received);
#endif
}

/*
 * Adds up the subflows of a connection: those that have ended, and those that are there. `state`: the one that the connection
 * leaves.
 */
static __noinline int add_subflows(const struct sock *sk, int state, struct tcp_event *event)
{
	const struct mptcp_sock *connection = (const void *)sk;
	struct list_head *head, *at;
	struct ended_subflows *ended;
	__u64 key = (__u64)sk;

	if (!event)
		return 0;
	ended = bpf_map_lookup_elem(&ended_subflows, &key);
	if (ended) {
		*counters_of(event) = ended->counters;
		event->subflows = ended->count;
		event->flags |= ended->flags;
	}
	head = (void *)((const char *)connection + bpf_core_field_offset(struct mptcp_sock, conn_list));
	at = BPF_CORE_READ(head, next);
#pragma unroll
	for (int i = 0; i < MAX_SUBFLOWS; i++) {
		__u64 context;

		if (!at || at == head)
			break;
		context = (__u64)at - bpf_core_field_offset(struct mptcp_subflow_context, node);
		add_live_subflow(context, event);
		at = BPF_CORE_READ(at, next);
	}
	count_once(sk, state, event);
	return 0;
}

/*
 * A subflow to TCP_CLOSE: what it carried stays with its connection. Returns the connection if this was its first subflow, and
 * found no port: it has failed, and only now has it its peer.
 */
static __noinline struct flow *subflow_ends(const struct sock *sk, int state)
{
	struct mptcp_subflow_context *context = subflow_context(sk);
	struct ended_subflows fresh = {}, *sum;
	struct sock *connection;
	struct flow *flow;
	__u64 key;

	connection = context ? BPF_CORE_READ(context, conn) : NULL;
	flow = connection ? find_flow(connection) : NULL;
	if (!flow)
		return NULL;
	/* The connection takes the error over, and reports its own change of state before it has done so. */
	flow->error = BPF_CORE_READ(sk, sk_err);
	if (state == TCP_SYN_SENT && !flow->error && !(flow->flags & FLOW_ESTABLISHED) &&
	    !READ(struct tcp_sock, (const struct tcp_sock *)sk, segs_out))
		return flow;
	if (state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return NULL;
	key = (__u64)connection;
	sum = bpf_map_lookup_elem(&ended_subflows, &key);
	if (sum)
		fresh = *sum;
	fresh.count++;
	fresh.flags |= add_counters(sk, subflow_direction(context, flow->direction), state, &fresh.counters);
	bpf_map_update_elem(&ended_subflows, &key, &fresh, BPF_ANY);
	return NULL;
}

static __always_inline void forget_subflows(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	if (is_mptcp(sk))
		bpf_map_delete_elem(&ended_subflows, &key);
}
