/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Outgoing connections until they are established or have failed. */
#pragma once

#include "connection-id.h"
#include "emit-event.h"
#include "mptcp.h"

/* The sequence number's place in a header of TCP. */
#define TCP_SEQUENCE_AT 4

/*
 * A connection for which the table has no room has neither `connect` nor `fail`: those need what was seen here. Its accept and its
 * close come without: see begin_untracked().
 */
static __always_inline void count_lost_connect(void)
{
	struct statistics *own = own_statistics();

	if (own && (is_wanted(EVENT_CONNECT) || is_wanted(EVENT_FAIL)))
		count(&own->lost_map);
}

/* TCP_CLOSE to TCP_SYN_SENT, in the context of the process that connects. */
static __noinline int connect_begins(struct sock *sk)
{
	struct flow flow;
	struct tuple tuple = {};

	if (!is_connection(sk))
		return 0;
	clear_flow(&flow);
	flow.direction = DIRECTION_OUTBOUND;
	read_current(&flow.owner);
	if (!direction_passes(DIRECTION_OUTBOUND) || !process_passes(&flow.owner)) {
		drop_stale_flow(sk);
		filter_out(sk);
		return 0;
	}
	/* An MPTCP socket has no peer yet. */
	if (tuple_filters && !is_mptcp(sk) && (!read_tuple(sk, &tuple) || !peer_passes(&tuple))) {
		drop_stale_flow(sk);
		return 0;
	}
	identify_flow(&flow);
	flow.start_ns = flow.id_ns;
	if (follow_flow(sk, &flow, BPF_NOEXIST))
		return 0;
	drop_stale_flow(sk);
	if (!follow_flow(sk, &flow, BPF_ANY))
		count_lost_connect();
	return 0;
}

/* TCP Fast Open (4.11): with TCP_FASTOPEN_CONNECT, connect() may leave the SYN to the first write. */
static __noinline bool may_defer_syn(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	return bpf_core_field_exists(tp->fastopen_connect) && READ_BITFIELD(struct tcp_sock, tp, fastopen_connect);
}

/*
 * Moves the start of a connection whose SYN may have been deferred to the SYN. The only sample of the round-trip time so far
 * is that of the SYN; there is none if it was sent again, and then the start is not known.
 */
static __always_inline void start_at_syn(const struct sock *sk, struct flow *flow)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u64 now = bpf_ktime_get_ns(), handshake_ns = 0;

	if (bpf_core_field_exists(tp->srtt_us))
		handshake_ns = (__u64)(READ(struct tcp_sock, tp, srtt_us) >> 3) * 1000;
	if (!handshake_ns)
		flow->start_ns = 0;
	else if (now - flow->start_ns > handshake_ns)
		flow->start_ns = now - handshake_ns;
}

/* Where the option cannot be seen, the round trip of a SYN that was sent once is as good a measure. */
static __always_inline bool needs_start_of_syn(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	if (bpf_core_field_exists(tp->fastopen_connect))
		return may_defer_syn(sk);
	return bpf_core_field_exists(tp->srtt_us) && bpf_core_field_exists(tp->total_retrans) &&
	       READ(struct tcp_sock, tp, srtt_us) && !READ(struct tcp_sock, tp, total_retrans);
}

/*
 * To TCP_ESTABLISHED from TCP_SYN_SENT, or from TCP_SYN_RECV when both ends connected at the same time. Returns whether
 * this side connected.
 */
static __noinline bool connect_succeeds(void *ctx, struct sock *sk, struct flow *flow)
{
	struct tcp_event *event;
	struct tuple tuple = {};

	if (!flow || flow->direction != DIRECTION_OUTBOUND)
		return false;
	/* To go on would make an accept of a repetition. */
	if (flow->flags & FLOW_ESTABLISHED)
		return is_fallback();
	flow->flags |= FLOW_ESTABLISHED;
	flow->connection_id = read_connection_id(sk, DIRECTION_OUTBOUND);
	if (flow->start_ns && !is_mptcp(sk) && needs_start_of_syn(sk))
		start_at_syn(sk, flow);
	if (tuple_filters && !socket_passes(sk)) {
		forget_flow(sk);
		return true;
	}
	if (!is_wanted(EVENT_CONNECT) || !read_tuple(sk, &tuple))
		return true;
	event = reserve_event(EVENT_CONNECT);
	if (!event)
		return true;
	fill_event(event, EVENT_CONNECT, flow, &tuple, &flow->owner);
	if (flow->start_ns) {
		event->duration_ns = event->time_ns - flow->start_ns;
		event->flags |= EVENT_HAS_DURATION;
	}
	end_event(ctx, event);
	return true;
}

/*
 * An error of ICMP that arrives within connect() does not end the attempt. But many kernels wake a process, which reads it with
 * SO_ERROR, and closes the socket: to it the attempt has failed. Returns that error, or 0. Reading it clears sk_err_soft, while the
 * queue of errors keeps it, with the packet: it is of this attempt if that has its sequence number.
 */
VERIFIED_ONCE int error_read_by_process_at(__u64 address)
{
	const struct sock *sk = (const void *)address;
	const struct sk_buff___queued *newest;
	const struct sock_exterr_skb *error;
	__be32 sequence = 0;
	int number;

	/* Where its type is known, so are the others. */
	if (!bpf_core_type_exists(struct sock_exterr_skb))
		return 0;
	if (READ(struct sock, sk, sk_err_soft) || !READ(struct sock, sk, sk_error_queue.qlen))
		return 0;
	newest = READ(struct sock, sk, sk_error_queue.prev);
	bpf_probe_read_kernel(&sequence, sizeof(sequence),
			      READ(struct sk_buff___queued, newest, data) + TCP_SEQUENCE_AT);
	if (bpf_ntohl(sequence) != READ(struct tcp_sock, sk, snd_una))
		return 0;
	error = (const void *)newest + bpf_core_field_offset(struct sk_buff___queued, cb);
	number = READ(struct sock_exterr_skb, error, ee.ee_errno);
	/* Time stamps come by this queue, too. */
	return number == ENOMSG ? 0 : number;
}

static __always_inline int error_read_by_process(const struct sock *sk)
{
	return error_read_by_process_at((__u64)sk);
}

/*
 * The errno of a connection attempt that is over; 0 if it is not known. The kernel sets sk_err before the state where the
 * network is the cause, or an administrator. Without it:
 *
 * - The process has read an error that alone would not have ended the attempt.
 * - close() shuts the socket down first: the process gave up.
 * - No SYN was sent: connect() found no port, or its own is in use with this peer (inet_hash_connect).
 * - A SYN was sent: shutdown(), or connect() to AF_UNSPEC; the process gave up.
 */
static __always_inline __u16 connect_error(const struct sock *sk, const struct flow *flow)
{
	const struct tcp_sock *tp = (const void *)sk;
	int error = READ(struct sock, sk, sk_err);

	if (!error && !is_mptcp(sk))
		error = error_read_by_process(sk);
	if (error)
		return error;
	if (is_shut_down(sk))
		return ECANCELED;
	if (is_mptcp(sk))
		return flow->error;
	if (!bpf_core_field_exists(tp->segs_out))
		return 0;
	return READ(struct tcp_sock, tp, segs_out) || may_defer_syn(sk) ? ECANCELED : EADDRNOTAVAIL;
}

/* To TCP_CLOSE before the handshake was over. */
static __noinline int connect_fails(void *ctx, struct sock *sk, struct flow *flow)
{
	struct tcp_event *event;
	struct tuple tuple = {};

	/* By the subflow of an MPTCP connection, if that found no port. */
	if (flow->flags & FLOW_CLOSE_EMITTED)
		return 0;
	flow->flags |= FLOW_CLOSE_EMITTED;
	if (!is_wanted(EVENT_FAIL) || !read_tuple(sk, &tuple) || !tuple_passes(&tuple))
		return 0;
	/* Without a route, nothing in an MPTCP connection says where it should have led: see connect_refused_locally. */
	if (tuple.peer_port || !is_mptcp(sk)) {
		event = reserve_event(EVENT_FAIL);
		if (event) {
			fill_event(event, EVENT_FAIL, flow, &tuple, &flow->owner);
			event->error = connect_error(sk, flow);
			if (flow->start_ns) {
				event->duration_ns = event->time_ns - flow->start_ns;
				event->flags |= EVENT_HAS_DURATION;
			}
			end_event(ctx, event);
		}
	}
	return 0;
}

/* The flow of the MPTCP connection that has this subflow, and takes its error over. */
static __always_inline struct flow *pass_error_on(const struct sock *subflow, int error)
{
	struct sock *connection = connection_of_subflow(subflow);
	struct flow *flow = connection ? find_flow(connection) : NULL;

	if (flow)
		flow->error = error;
	return flow;
}

/*
 * Errors at the return of tcp_v4_connect and tcp_v6_connect for which the socket never left TCP_CLOSE: no route leads to
 * the peer, or the administrator forbids it. Changes of state show every later error.
 */
static __always_inline bool is_routing_error(int error)
{
	return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EACCES ||
	       error == EINVAL;
}

static __always_inline int connect_refused_locally(void *ctx, struct sock *sk, const struct sockaddr *address,
						   int result)
{
	struct flow flow = {.direction = DIRECTION_OUTBOUND};
	struct flow *connection = NULL;
	const struct sockaddr_in6 *in6 = (const void *)address;
	const struct sockaddr_in *in = (const void *)address;
	struct tuple tuple = {};
	struct tcp_event *event;

	if (result >= 0)
		return 0;
	sk = as_number(sk);
	if (is_subflow(sk)) {
		connection = pass_error_on(sk, -result);
		/* An open connection goes on without one that was to join it. */
		if (!connection || joined(sk))
			return 0;
	}
	if (!is_routing_error(-result) || !is_wanted(EVENT_FAIL) || !direction_passes(DIRECTION_OUTBOUND))
		return 0;
	if ((!connection && !is_connection(sk)) || !read_tuple(sk, &tuple))
		return 0;
	if (BPF_CORE_READ(address, sa_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&tuple.peer_address, in6, sin6_addr.in6_u.u6_addr8);
		/* tcp_v6_connect hands these to tcp_v4_connect, which emits them. */
		if (is_mapped(tuple.peer_address))
			return 0;
		tuple.peer_port = bpf_ntohs(BPF_CORE_READ(in6, sin6_port));
	} else {
		map_ipv4(tuple.peer_address, BPF_CORE_READ(in, sin_addr.s_addr));
		tuple.peer_port = bpf_ntohs(BPF_CORE_READ(in, sin_port));
	}
	if (connection) {
		connection->flags |= FLOW_CLOSE_EMITTED;
		flow = *connection;
	} else {
		read_current(&flow.owner);
		identify_flow(&flow);
	}
	if (!process_passes(&flow.owner) || !tuple_passes(&tuple))
		return 0;
	event = reserve_event(EVENT_FAIL);
	if (event) {
		fill_event(event, EVENT_FAIL, &flow, &tuple, &flow.owner);
		event->error = -result;
		event->flags |= EVENT_HAS_DURATION;
		end_event(ctx, event);
	}
	return 0;
}
