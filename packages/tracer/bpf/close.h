/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The end of connections. */
#pragma once

#include "connection-id.h"
#include "emit-event.h"
#include "mptcp.h"

/*
 * Whether the process itself ends a connection by this change to TCP_CLOSE: by close() with unread data, or with SO_LINGER 0.
 * TCP then has neither an error nor a FIN. An MPTCP connection may be ended by a worker of the kernel, too, or in a softirq; what
 * the process does, it does after it has shut down its end.
 */
static __always_inline bool process_aborts(const struct sock *sk, const struct flow *flow)
{
	if ((flow->flags & FLOW_CLOSING) || READ(struct sock, sk, sk_err))
		return false;
	return !is_mptcp(sk) || is_shut_down(sk);
}

static __always_inline enum closed_by find_cause(const struct sock *sk, const struct flow *flow)
{
	bool is_open = !(flow->flags & (FLOW_CLOSING | FLOW_PEER_FIRST));
	int error = READ(struct sock, sk, sk_err);

	/* The peer's reset of an MPTCP connection is noted after the change of state. */
	if (!error && is_open && is_mptcp(sk))
		error = flow->error ?: ECONNRESET;
	switch (error) {
	case ECONNRESET:
	case EPIPE: /* a reset after the peer's FIN */
		return CLOSED_BY_RESET;
	case ECONNABORTED:
		return CLOSED_BY_ABORT;
	case ETIMEDOUT:
	case EHOSTUNREACH: /* the last error from routers before retransmission gave up */
	case ENETUNREACH:
	case ECONNREFUSED:
		return CLOSED_BY_TIMEOUT;
	}
	if (error && is_open)
		return CLOSED_BY_TIMEOUT;
	return flow->flags & FLOW_PEER_FIRST ? CLOSED_BY_PEER : CLOSED_BY_LOCAL;
}

/* `state`: the one that the socket leaves. */
static __always_inline void read_counters(const struct sock *sk, const struct flow *flow, int state,
					  struct tcp_event *event)
{
	if (is_mptcp(sk))
		add_subflows(sk, state, event);
	else
		event->flags |= add_counters(sk, flow->direction, state, counters_of(event));
}

/* The event names the process that closed the connection, else its owner. */
static __noinline void emit_close(void *ctx, const struct sock *sk, const struct flow *flow, int state)
{
	const struct process *process = flow->flags & FLOW_CLOSING ? &flow->closer : &flow->owner;
	struct tcp_event *event;
	struct tuple tuple = {};

	if (!is_wanted(EVENT_CLOSE) || !read_tuple(sk, &tuple))
		return;
	event = reserve_event(EVENT_CLOSE);
	if (!event)
		return;
	fill_event(event, EVENT_CLOSE, flow, &tuple, process);
	if (!event->connection_id)
		event->connection_id = read_connection_id(sk, flow->direction);
	event->closed_by = find_cause(sk, flow);
	read_counters(sk, flow, state, event);
	if (flow->start_ns) {
		event->duration_ns = event->time_ns - flow->start_ns;
		event->flags |= EVENT_HAS_DURATION;
	}
	if ((flow->flags & FLOW_BY_LISTENER) && !(flow->flags & FLOW_CLOSING))
		event->flags |= EVENT_BY_LISTENER;
	if (flow->flags & FLOW_UNDECIDED)
		event->flags |= EVENT_FILTER_UNDECIDED;
	if (flow->flags & FLOW_CLOSING) {
		event->closing_ns = event->time_ns - flow->closing_ns;
		event->flags |= EVENT_HAS_CLOSING;
	}
	end_event(ctx, event);
}
