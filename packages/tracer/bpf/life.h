/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A socket's changes of state, and what each of them means for the connection. */
#pragma once

#include "accept.h"
#include "connect.h"

/* Whether a connection that is older than the tracer passes the filters. */
static __always_inline bool stranger_passes(const struct sock *sk, const struct process *process)
{
	struct tuple tuple;

	if (seeded || !direction_passes(DIRECTION_UNKNOWN) || !is_tcp(sk))
		return false;
	if (!process_passes(process))
		return false;
	return read_tuple(sk, &tuple) && tuple_passes(&tuple);
}

/* To TCP_FIN_WAIT1 or TCP_LAST_ACK: close() or shutdown(), in the context of the process that calls it. */
static __always_inline int application_closes(void *ctx, struct sock *sk, bool peer_first)
{
	struct flow *flow = find_flow(sk);
	struct process current;

	if (flow && (flow->flags & FLOW_CLOSING))
		return 0;
	if (!flow && seeded)
		return 0;
	read_current(&current);
	if (!flow) {
		struct flow stranger = {.flags = FLOW_ESTABLISHED, .owner = current};

		if (!stranger_passes(sk, &current))
			return 0;
		identify_flow(&stranger);
		follow_flow(sk, &stranger, BPF_ANY);
		flow = find_flow(sk);
		if (!flow)
			return 0;
	}
	if ((flow->flags & FLOW_UNACCEPTED) && !accept_was_missed(ctx, sk, flow, &current)) {
		forget_flow(sk);
		return 0;
	}
	flow->closing_ns = bpf_ktime_get_ns();
	flow->closer = current;
	flow->flags |= FLOW_CLOSING;
	if (peer_first)
		flow->flags |= FLOW_PEER_FIRST;
	if (prompt_close) {
		flow->flags |= FLOW_TOLD;
		tell_close(ctx, sk, flow, TCP_ESTABLISHED);
	}
	return 0;
}

/* To TCP_CLOSE from a state in which data could flow. */
static __always_inline int connection_ends(void *ctx, struct sock *sk, int state)
{
	struct flow *flow = find_flow(sk);
	bool peer_first = state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK;
	bool aborted;

	if (!flow) {
		struct flow stranger = {.flags = FLOW_ESTABLISHED};

		if (!stranger_passes(sk, &stranger.owner))
			return 0;
		if (peer_first)
			stranger.flags |= FLOW_PEER_FIRST;
		identify_flow(&stranger);
		tell_close(ctx, sk, &stranger, state);
		return 0;
	}
	if (flow->flags & FLOW_TOLD)
		goto forget;
	/* Without an error and without a FIN it is the process itself that ends it, by close() with unread data or
	 * with SO_LINGER 0. */
	aborted = !(flow->flags & FLOW_CLOSING) && BPF_CORE_READ(sk, sk_err) == 0;
	if (aborted) {
		read_current(&flow->closer);
		flow->closing_ns = bpf_ktime_get_ns();
	}
	if ((flow->flags & FLOW_UNACCEPTED) && !accept_was_missed(ctx, sk, flow, aborted ? &flow->closer : NULL))
		goto forget;
	if (aborted)
		flow->flags |= FLOW_CLOSING;
	if (peer_first)
		flow->flags |= FLOW_PEER_FIRST;
	tell_close(ctx, sk, flow, state);
forget:
	forget_flow(sk);
	return 0;
}

static __always_inline int socket_closes(void *ctx, struct sock *sk, int state)
{
	struct flow *flow;

	switch (state) {
	case TCP_CLOSE:
		return 0;
	case TCP_LISTEN:
		return listening_ends(sk);
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		flow = find_flow(sk);
		return flow ? connect_fails(ctx, sk, flow) : 0;
	default:
		return connection_ends(ctx, sk, state);
	}
}

static __noinline int state_changes(void *ctx, struct sock *sk, int from, int to)
{
	switch (to) {
	case TCP_SYN_SENT:
		return connect_begins(sk);
	case TCP_ESTABLISHED:
		connect_succeeds(ctx, sk);
		return from == TCP_SYN_RECV ? passive_side_established(ctx, sk) : 0;
	case TCP_FIN_WAIT1:
		return application_closes(ctx, sk, false);
	case TCP_LAST_ACK:
		return application_closes(ctx, sk, true);
	case TCP_LISTEN:
		return listening_begins(sk);
	case TCP_CLOSE:
		return socket_closes(ctx, sk, from);
	default:
		return 0;
	}
}
