/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The lifecycle of a TCP connection: what each change of a socket's state means for it. */
#pragma once

#include "accept.h"
#include "connect.h"

/* Emit `close` at the application's close instead of at the connection's end. */
const volatile bool prompt_close = false;

/* Whether an untracked connection, one that is older than the tracer, passes the filters. */
static __always_inline bool untracked_passes(const struct sock *sk, const struct process *process)
{
	struct tuple tuple;

	if (existing_sockets_known || !direction_passes(DIRECTION_UNKNOWN) || !is_tcp(sk))
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
	if (!flow && existing_sockets_known)
		return 0;
	read_current(&current);
	if (!flow) {
		struct flow untracked = {.flags = FLOW_ESTABLISHED, .owner = current};

		if (!untracked_passes(sk, &current))
			return 0;
		identify_flow(&untracked);
		follow_flow(sk, &untracked, BPF_ANY);
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
		flow->flags |= FLOW_CLOSE_EMITTED;
		emit_close(ctx, sk, flow, TCP_ESTABLISHED);
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
		struct flow untracked = {.flags = FLOW_ESTABLISHED};

		if (!untracked_passes(sk, &untracked.owner))
			return 0;
		if (peer_first)
			untracked.flags |= FLOW_PEER_FIRST;
		identify_flow(&untracked);
		emit_close(ctx, sk, &untracked, state);
		return 0;
	}
	if (flow->flags & FLOW_CLOSE_EMITTED)
		goto forget;
	/*
	 * Without an error and without a FIN the process itself ends the connection, by close() with unread data or with
	 * SO_LINGER 0.
	 */
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
	emit_close(ctx, sk, flow, state);
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
