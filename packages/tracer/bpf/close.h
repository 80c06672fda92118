/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The end of connections. */
#pragma once

#include "emit-event.h"

/* Payload is known only where SYN and FIN can be subtracted from the counters. */
static __always_inline bool counts_payload(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	return bpf_core_field_exists(tp->bytes_acked) && bpf_core_field_exists(tp->bytes_received) &&
	       bpf_core_field_exists(tp->snd_una) && bpf_core_field_exists(tp->write_seq) &&
	       bpf_core_field_exists(sk->__sk_common.skc_flags);
}

static __always_inline bool fin_received(const struct sock *sk)
{
	/* Set by tcp_fin() alone. */
	return BPF_CORE_READ(sk, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;
}

/* Whether the peer has acknowledged our FIN, given the state that the socket leaves. */
static __always_inline bool fin_acknowledged(const struct tcp_sock *tp, int state)
{
	switch (state) {
	case TCP_FIN_WAIT2:
	case TCP_TIME_WAIT:
		return true;
	case TCP_FIN_WAIT1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return BPF_CORE_READ(tp, snd_una) == BPF_CORE_READ(tp, write_seq);
	default:
		return false;
	}
}

/*
 * The kernel's byte counters follow sequence numbers, in which SYN and FIN count as a byte. bytes_acked contains the
 * SYN of the side that connected (the accepting side's socket is made after its SYN was acknowledged) and the
 * acknowledged FIN of either; bytes_received contains the peer's FIN, and never its SYN.
 */
static __always_inline void read_bytes(const struct sock *sk, const struct flow *flow, int state,
				       struct tcp_event *event)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u64 acked = BPF_CORE_READ(tp, bytes_acked);
	__u64 received = BPF_CORE_READ(tp, bytes_received);

	if (acked && flow->direction == DIRECTION_OUTBOUND)
		acked--;
	if (acked && fin_acknowledged(tp, state))
		acked--;
	if (received && fin_received(sk))
		received--;
	event->bytes_sent = acked;
	event->bytes_received = received;
	event->flags |= EVENT_HAS_BYTES;
}

static __always_inline void read_counters(const struct sock *sk, const struct flow *flow, int state,
					  struct tcp_event *event)
{
	const struct tcp_sock *tp = (const void *)sk;

	if (counts_payload(sk))
		read_bytes(sk, flow, state, event);
	if (bpf_core_field_exists(tp->segs_out) && bpf_core_field_exists(tp->segs_in)) {
		event->segments_sent = BPF_CORE_READ(tp, segs_out);
		event->segments_received = BPF_CORE_READ(tp, segs_in);
		event->flags |= EVENT_HAS_SEGMENTS;
	}
	if (bpf_core_field_exists(tp->total_retrans)) {
		event->retransmits = BPF_CORE_READ(tp, total_retrans);
		event->flags |= EVENT_HAS_RETRANSMITS;
	}
	if (bpf_core_field_exists(tp->srtt_us))
		event->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
}

static __always_inline enum closed_by find_cause(const struct sock *sk, const struct flow *flow)
{
	switch (BPF_CORE_READ(sk, sk_err)) {
	case ECONNRESET:
	case EPIPE: /* a reset after the peer's FIN */
		return CLOSED_BY_RESET;
	case ETIMEDOUT:
	case EHOSTUNREACH: /* the last error from routers before retransmission gave up */
	case ENETUNREACH:
		return CLOSED_BY_TIMEOUT;
	default:
		return flow->flags & FLOW_PEER_FIRST ? CLOSED_BY_PEER : CLOSED_BY_LOCAL;
	}
}

/* The event names the process that closed the connection, else its owner. */
static __noinline void emit_close(void *ctx, const struct sock *sk, const struct flow *flow, int state)
{
	const struct process *process = flow->flags & FLOW_CLOSING ? &flow->closer : &flow->owner;
	struct tcp_event *event;
	struct tuple tuple;

	if (!is_wanted(EVENT_CLOSE) || !read_tuple(sk, &tuple))
		return;
	event = reserve_event(EVENT_CLOSE);
	if (!event)
		return;
	fill_event(event, EVENT_CLOSE, flow, &tuple, process);
	event->closed_by = find_cause(sk, flow);
	read_counters(sk, flow, state, event);
	if (flow->start_ns) {
		event->duration_ns = event->time_ns - flow->start_ns;
		event->flags |= EVENT_HAS_DURATION;
	}
	if (flow->flags & FLOW_CLOSING) {
		event->closing_ns = event->time_ns - flow->closing_ns;
		event->flags |= EVENT_HAS_CLOSING;
	}
	end_event(ctx, event);
}
