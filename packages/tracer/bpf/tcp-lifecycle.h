/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The lifecycle of a TCP connection: what each change of a socket's state means for it. */
#pragma once

#include "accept.h"
#include "connect.h"
#include "direction.h"
#include "ended.h"

/* Emit `close` at the application's close instead of at the connection's end. */
const volatile bool prompt_close = false;

/*
 * Connections that are not in the flow table when they end: they are older than the tracer, and no process had their socket
 * as a descriptor at the start (it waited to be accepted, was under way in a message, was io_uring's or the kernel's own), or there was no
 * walk over existing sockets, or the table was full. They are reported with what is known, unless a filter excludes them. `process`: the
 * one that closes; NULL if it is not known.
 */
static __noinline bool begin_untracked(const struct sock *sk, int state, const struct process *process,
				       struct flow *flow)
{
	if (!flow || !is_connection(sk) || is_filtered_out(sk) || !was_accepted(sk))
		return false;
	if (!socket_passes(sk))
		return false;
	flow->direction = infer_direction(sk, state);
	flow->flags = FLOW_ESTABLISHED;
	if (process) {
		if (!process_passes(process)) {
			/* Its end, at which no process runs, would leave this undecided. */
			filter_out(sk);
			return false;
		}
		flow->owner = *process;
	} else if (process_filters) {
		flow->flags |= FLOW_UNDECIDED;
	}
	if (!direction_passes(flow->direction)) {
		if (flow->direction != DIRECTION_UNKNOWN)
			return false;
		flow->flags |= FLOW_UNDECIDED;
	}
	identify_flow(flow);
	return true;
}

/*
 * Enters an untracked connection that is closed into the flow table. The current process closes it, or a worker. Returns whether
 * the connection is followed.
 */
static __noinline bool enter_untracked(const struct sock *sk, int state, bool is_process)
{
	struct flow flow;

	if (is_subflow(sk))
		return false;
	clear_flow(&flow);
	/* `closer` is written anew where the process is known to close: until then it is as good a place as the stack. */
	if (is_process)
		read_current(&flow.closer);
	return begin_untracked(sk, state, is_process ? &flow.closer : NULL, &flow) && follow_flow(sk, &flow, BPF_ANY);
}

static __always_inline struct flow *follow_untracked(const struct sock *sk, int state, bool is_process)
{
	return enter_untracked(sk, state, is_process) ? find_flow(sk) : NULL;
}

/* An untracked connection to TCP_CLOSE: by the peer, by the kernel, or by a process that leaves data unread. */
static __noinline int untracked_ends(void *ctx, const struct sock *sk, int state)
{
	struct flow flow;
	bool is_open = state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
	bool aborted = is_open && !is_mptcp(sk) && !READ(struct sock, sk, sk_err) && !is_kernel_thread();

	clear_flow(&flow);
	if (aborted)
		read_current(&flow.closer);
	if (has_just_ended(sk) || !begin_untracked(sk, state, aborted ? &flow.closer : NULL, &flow))
		return 0;
	if (aborted) {
		flow.closing_ns = bpf_ktime_get_ns();
		flow.flags |= FLOW_CLOSING;
	}
	if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK)
		flow.flags |= FLOW_PEER_FIRST;
	emit_close(ctx, sk, &flow, state);
	return 0;
}

/* A connection that is about to end without having been seen to be established: the change was missed. */
static __noinline int count_missed_connect(struct flow *flow)
{
	if (flow->flags & FLOW_ESTABLISHED)
		return 0;
	flow->flags |= FLOW_ESTABLISHED;
	count_missed();
	return 0;
}

/* The application's close. Its closer is there already where it is a process. */
VERIFIED_ONCE int note_closing(struct flow *flow, bool is_process)
{
	if (!flow)
		return 0;
	flow->closing_ns = bpf_ktime_get_ns();
	/* A worker that closes for a process, as io_uring's when its owner has ended, is not who the user looks for. */
	if (!is_process)
		flow->closer = flow->owner;
	flow->flags |= FLOW_CLOSING;
	return 0;
}

/*
 * A connection in the flow table is closed on this side, by the current process or by a thread of the kernel. Returns whether it is
 * reported: one whose accept was missed may fall out now that its process is known.
 */
static __noinline bool begin_closing(void *ctx, struct sock *sk, struct flow *flow, bool is_process)
{
	if (is_process)
		read_current(&flow->closer);
	if ((flow->flags & FLOW_UNACCEPTED) && !accept_was_missed(ctx, sk, flow, is_process ? &flow->closer : NULL))
		return false;
	note_closing(flow, is_process);
	return true;
}

/* To TCP_FIN_WAIT1 or TCP_LAST_ACK: close() or shutdown(), in the context of the process that calls it. */
static __noinline int application_closes(void *ctx, struct sock *sk, int state)
{
	struct flow *flow = find_flow(sk);
	bool is_process;

	if (flow && (flow->flags & FLOW_CLOSING))
		return 0;
	is_process = !is_kernel_thread();
	if (!flow) {
		flow = follow_untracked(sk, state, is_process);
		if (!flow)
			return 0;
	}
	/* Both sides connect at the same time, and this one gives up before the handshake is over. */
	if (state == TCP_SYN_RECV && flow->direction == DIRECTION_OUTBOUND && !(flow->flags & FLOW_ESTABLISHED))
		return connect_fails(ctx, sk, flow);
	count_missed_connect(flow);
	if (!begin_closing(ctx, sk, flow, is_process)) {
		forget_flow(sk);
		filter_out(sk);
		return 0;
	}
	if (state == TCP_CLOSE_WAIT)
		flow->flags |= FLOW_PEER_FIRST;
	if (prompt_close) {
		flow->flags |= FLOW_CLOSE_EMITTED;
		emit_close(ctx, sk, flow, TCP_ESTABLISHED);
	}
	return 0;
}

/* To TCP_CLOSE from a state in which data could flow. */
static __noinline int connection_ends(void *ctx, struct sock *sk, int state)
{
	struct flow *flow = find_flow(sk);

	if (!flow) {
		if (!is_subflow(sk))
			return untracked_ends(ctx, sk, state);
		subflow_ends(sk, state);
		return 0;
	}
	if (flow->flags & FLOW_CLOSE_EMITTED)
		return 0;
	count_missed_connect(flow);
	if (process_aborts(sk, flow)) {
		if (!begin_closing(ctx, sk, flow, !is_kernel_thread()))
			return 0;
	} else if ((flow->flags & FLOW_UNACCEPTED) && !accept_was_missed(ctx, sk, flow, NULL)) {
		return 0;
	}
	if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK)
		flow->flags |= FLOW_PEER_FIRST;
	emit_close(ctx, sk, flow, state);
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
		if (flow ? flow->direction == DIRECTION_INBOUND : is_fast_open(sk, state))
			connection_ends(ctx, sk, state);
		else if (flow)
			connect_fails(ctx, sk, flow);
		else if (is_subflow(sk)) {
			flow = subflow_ends(sk, state);
			if (flow)
				connect_fails(ctx, sk, flow);
			return 0;
		}
		break;
	default:
		connection_ends(ctx, sk, state);
	}
	note_end(sk);
	return 0;
}

/* To TCP_ESTABLISHED. After TCP_SYN_RECV, both sides may have connected at the same time (RFC 9293, 3.5), or a socket to itself. */
static __always_inline int established(void *ctx, struct sock *sk, int from)
{
	struct flow *flow = find_flow(sk);

	if (connect_succeeds(ctx, sk, flow) || from != TCP_SYN_RECV)
		return 0;
	if (is_filtered_out(sk) && bpf_core_field_exists(sk->sk_socket) && READ(struct sock, sk, sk_socket))
		return 0;
	return passive_side_established(ctx, sk, flow);
}

static __noinline int state_changes(void *ctx, struct sock *sk, int from, int to)
{
	switch (to) {
	case TCP_SYN_SENT:
		return connect_begins(sk);
	case TCP_ESTABLISHED:
		return established(ctx, sk, from);
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		return application_closes(ctx, sk, from);
	case TCP_LISTEN:
		return listening_begins(sk);
	case TCP_CLOSE:
		return socket_closes(ctx, sk, from);
	default:
		return 0;
	}
}
