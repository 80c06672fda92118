/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The kernel's own counters of a TCP socket, as payload. */
#pragma once

#include "socket.h"

/* The members of struct tcp_event with these names, in its order: see counters_of(). */
struct counters {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmits;
	__u32 srtt_us;
};

#define COUNTERS_AT __builtin_offsetof(struct tcp_event, bytes_sent)
#define SAME_PLACE(member)                                                                                             \
	_Static_assert(__builtin_offsetof(struct tcp_event, member) ==                                                 \
			       COUNTERS_AT + __builtin_offsetof(struct counters, member),                              \
		       #member)
SAME_PLACE(bytes_received);
SAME_PLACE(segments_sent);
SAME_PLACE(segments_received);
SAME_PLACE(retransmits);
SAME_PLACE(srtt_us);

/* The counters within an event: the stack has no room for a copy. */
static __always_inline struct counters *counters_of(struct tcp_event *event)
{
	return (struct counters *)&event->bytes_sent;
}

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
	return has_socket_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_DONE));
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
		return READ(struct tcp_sock, tp, snd_una) == READ(struct tcp_sock, tp, write_seq);
	default:
		return false;
	}
}

/*
 * The kernel's byte counters follow sequence numbers, in which SYN and FIN count as a byte. bytes_acked contains the
 * SYN of the side that connected (the accepting side's socket is made after its SYN was acknowledged) and the
 * acknowledged FIN of either; bytes_received contains the peer's FIN, and never its SYN.
 */
static __always_inline void add_bytes(const struct sock *sk, enum direction direction, int state,
				      struct counters *counters)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u64 acked = READ(struct tcp_sock, tp, bytes_acked);
	__u64 received = READ(struct tcp_sock, tp, bytes_received);

	if (acked && direction == DIRECTION_OUTBOUND)
		acked--;
	if (acked && fin_acknowledged(tp, state))
		acked--;
	if (received && fin_received(sk))
		received--;
	counters->bytes_sent += acked;
	counters->bytes_received += received;
}

VERIFIED_ONCE int add_counters_at(__u64 address, int direction, int state, struct counters *counters)
{
	const struct sock *sk = (const void *)address;
	const struct tcp_sock *tp = (const void *)sk;
	int known = 0;
	__u32 srtt;

	if (!counters)
		return 0;
	if (counts_payload(sk)) {
		add_bytes(sk, direction, state, counters);
		known |= EVENT_HAS_BYTES;
	}
	if (bpf_core_field_exists(tp->segs_out) && bpf_core_field_exists(tp->segs_in)) {
		counters->segments_sent += READ(struct tcp_sock, tp, segs_out);
		counters->segments_received += READ(struct tcp_sock, tp, segs_in);
		known |= EVENT_HAS_SEGMENTS;
	}
	if (bpf_core_field_exists(tp->total_retrans)) {
		counters->retransmits += READ(struct tcp_sock, tp, total_retrans);
		known |= EVENT_HAS_RETRANSMITS;
	}
	if (bpf_core_field_exists(tp->srtt_us)) {
		srtt = READ(struct tcp_sock, tp, srtt_us);
		/* Less than a microsecond is still a sample; 0 is none. */
		if (srtt)
			counters->srtt_us = (srtt >> 3) ?: 1;
	}
	return known;
}

/*
 * Adds the counters of a socket. Returns which are known, in bits of enum event_flag.
 *
 * `direction`: which side opened it. `state`: the one that it leaves.
 */
static __always_inline int add_counters(const struct sock *sk, enum direction direction, int state,
					struct counters *counters)
{
	return add_counters_at((__u64)sk, direction, state, counters);
}
