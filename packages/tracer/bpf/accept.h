/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Incoming connections until a process has accepted them. */
#pragma once

#include "close.h"
#include "listener.h"

static __always_inline void write_accept(void *ctx, struct tcp_event *event, const struct flow *flow,
					 const struct tuple *tuple)
{
	fill_event(event, EVENT_ACCEPT, flow, tuple, &flow->owner);
	if (flow->flags & FLOW_BY_LISTENER)
		event->flags |= EVENT_BY_LISTENER;
	end_event(ctx, event);
}

static __always_inline void emit_accept(void *ctx, const struct flow *flow, const struct tuple *tuple)
{
	struct tcp_event *event;

	if (!is_wanted(EVENT_ACCEPT))
		return;
	event = reserve_event(EVENT_ACCEPT);
	if (event)
		write_accept(ctx, event, flow, tuple);
}

/*
 * As emit_accept(), from wherever the accept hook interrupts the kernel. Returns false where there is no room; that is not
 * counted.
 */
static __noinline bool emit_accept_patiently(void *ctx, const struct flow *flow, const struct tuple *tuple)
{
	struct tcp_event *event;

	if (!flow || !tuple)
		return false;
	if (!is_wanted(EVENT_ACCEPT))
		return true;
	event = find_room_patiently();
	if (!event)
		return false;
	count_produced(EVENT_ACCEPT, false);
	write_accept(ctx, event, flow, tuple);
	return true;
}

/*
 * The entry of the flow table for a connection that waits to be accepted. One that the accept of its socket does not explain is of
 * an earlier socket.
 */
static __always_inline struct flow *find_unaccepted(const struct sock *sk)
{
	struct flow *flow = find_flow(sk);

	if (!flow || (flow->flags & FLOW_UNACCEPTED))
		return flow;
	drop_stale_flow(sk);
	return NULL;
}

/* The connection of an accepted socket, as a program sees it; NULL if it is none. */
static __always_inline struct sock *accepted_connection(struct sock *accepted)
{
	int kind;

	if (!accepted)
		return NULL;
	kind = socket_kind(accepted);
	if (kind == SOCKET_SUBFLOW)
		return connection_of_subflow(accepted);
	return kind == SOCKET_OTHER ? NULL : accepted;
}

/*
 * At the return of accept() the socket is not locked, and a segment may arrive meanwhile: then the connection id is left to the
 * end of the connection.
 */
static __always_inline __u64 accepted_connection_id(const struct sock *sk)
{
	__u64 id = read_connection_id(sk, DIRECTION_INBOUND);

	if (accept_mode == ACCEPT_AT_RETURN && read_connection_id(sk, DIRECTION_INBOUND) != id)
		return 0;
	return id;
}

/* A socket that is handed to a process by accept(), in that process's context. `accepted` may be an MPTCP subflow. */
static __always_inline int accept_returns(void *ctx, struct sock *accepted)
{
	struct flow flow = {.direction = DIRECTION_INBOUND, .flags = FLOW_ESTABLISHED};
	struct sock *sk = accepted_connection(accepted);
	struct flow *waiting;
	struct tuple tuple = {};

	if (!sk)
		return 0;
	/* In security_sock_graft, no connection is in the table before: what is there makes the insertion fail. */
	waiting = accept_mode == ACCEPT_AT_GRAFT ? NULL : find_unaccepted(sk);
	read_current(&flow.owner);
	if (!direction_passes(DIRECTION_INBOUND) || !process_passes(&flow.owner) || !read_tuple(accepted, &tuple) ||
	    !tuple_passes(&tuple)) {
		if (accept_mode == ACCEPT_AT_RETURN)
			forget_flow(sk);
		else
			drop_stale_flow(sk);
		filter_out(sk);
		return 0;
	}
	if (waiting) {
		/* In place: where a breakpoint interrupts the kernel in the middle of another update, the map takes none. */
		waiting->owner = flow.owner;
		waiting->start_ns = bpf_ktime_get_ns();
		/* Where there is no room now, the end of the connection emits its accept first: see accept_was_missed(). */
		if (emit_accept_patiently(ctx, waiting, &tuple))
			waiting->flags &= ~FLOW_UNACCEPTED;
		return 0;
	}
	identify_flow(&flow);
	flow.start_ns = flow.id_ns;
	flow.connection_id = accepted_connection_id(sk);
	if (socket_state(sk) == TCP_SYN_RECV)
		flow.flags |= FLOW_EARLY;
	/* Emitted before the flow can be found: its close, on another CPU, must follow its accept. */
	if (!emit_accept_patiently(ctx, &flow, &tuple))
		count_produced(EVENT_ACCEPT, true);
	if (!follow_flow(sk, &flow, accept_mode == ACCEPT_AT_GRAFT ? BPF_NOEXIST : BPF_ANY) &&
	    accept_mode == ACCEPT_AT_GRAFT) {
		drop_stale_flow(sk);
		follow_flow(sk, &flow, BPF_ANY);
	}
	/* It was reset while it waited to be accepted, so its change to TCP_CLOSE is already over. */
	if (socket_state(sk) == TCP_CLOSE && forget_flow(sk))
		emit_close(ctx, sk, &flow, TCP_ESTABLISHED);
	return 0;
}

/* The handshake of a connection to this host is over: an entry of the flow table for its socket is of an earlier one. */
static __always_inline void drop_unless_early(const struct sock *sk, const struct flow *flow)
{
	if (flow && !(flow->flags & FLOW_EARLY))
		drop_stale_flow(sk);
}

/* Whether this side is about to connect: both ends do at once, or a socket to itself. */
static __always_inline bool connects(const struct flow *flow)
{
	return flow && flow->direction == DIRECTION_OUTBOUND && !(flow->flags & FLOW_ESTABLISHED);
}

/*
 * TCP_SYN_RECV to TCP_ESTABLISHED: the handshake is over, and no process has accepted the connection yet. For MPTCP this is the
 * first subflow. `known`: the entry of the flow table for `established`, or NULL.
 */
static __noinline int passive_side_established(void *ctx, struct sock *established, const struct flow *known)
{
	struct sock *sk = established;
	struct flow flow = {.direction = DIRECTION_INBOUND, .flags = FLOW_ESTABLISHED};
	struct listener *listener;
	struct tuple tuple = {};

	if (accept_mode == ACCEPT_AT_GRAFT) {
		drop_unless_early(sk, known);
		return 0;
	}
	if (is_subflow(sk)) {
		if (joined(sk))
			return 0;
		sk = connection_of_subflow(sk);
		known = sk ? find_flow(sk) : NULL;
		if (!sk || connects(known))
			return 0;
	} else if (!is_connection(sk) || is_mptcp(sk)) {
		return 0;
	}
	drop_unless_early(sk, known);
	if (!direction_passes(DIRECTION_INBOUND)) {
		filter_out(sk);
		return 0;
	}
	if (!read_tuple(established, &tuple) || !tuple_passes(&tuple))
		return 0;
	if (accept_mode == ACCEPT_AT_RETURN) {
		flow.flags |= FLOW_UNACCEPTED;
	} else {
		flow.flags |= FLOW_BY_LISTENER;
		listener = find_listener(&tuple);
		if (listener)
			flow.owner = listener->owner;
		if (!process_passes(&flow.owner)) {
			filter_out(sk);
			return 0;
		}
	}
	identify_flow(&flow);
	flow.start_ns = flow.id_ns;
	flow.connection_id = read_connection_id(sk, DIRECTION_INBOUND);
	if (accept_mode == ACCEPT_BY_LISTENER)
		emit_accept(ctx, &flow, &tuple);
	/* A process that does not sleep may have accepted it already: it was in the queue before this change. */
	follow_flow(sk, &flow, accept_mode == ACCEPT_BY_LISTENER ? BPF_ANY : BPF_NOEXIST);
	return 0;
}

/*
 * Emits the accept of a connection that ends, or that its process closes, although its accept was not seen (the process
 * already slept in accept() when the hook was attached), or there was no room for it. `current` is the process if it is
 * known to run at this moment; else the listener's owner stands for an acceptor that is not known. Returns false if the
 * connection is not to be followed: nobody accepted it, or its process is filtered out.
 */
static __noinline bool accept_was_missed(void *ctx, struct sock *sk, struct flow *flow, const struct process *current)
{
	struct listener *listener;
	struct tuple tuple = {};

	if (!was_accepted(sk))
		return false;
	if (!read_tuple(sk, &tuple))
		return false;
	flow->flags &= ~FLOW_UNACCEPTED;
	if (!flow->owner.pid && current) {
		flow->owner = *current;
	} else if (!flow->owner.pid) {
		flow->flags |= FLOW_BY_LISTENER;
		listener = find_listener(&tuple);
		if (listener)
			flow->owner = listener->owner;
	}
	if (!process_passes(&flow->owner))
		return false;
	emit_accept(ctx, flow, &tuple);
	return true;
}
