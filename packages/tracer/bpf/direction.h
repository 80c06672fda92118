/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Which side opened a connection that was not seen to begin. */
#pragma once

#include "mptcp.h"

/* Whether a FIN of this side is among the sequence numbers that were sent. */
static __always_inline bool fin_sent(const struct tcp_sock *tp, int state)
{
	return state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT &&
	       READ(struct tcp_sock, tp, snd_nxt) == READ(struct tcp_sock, tp, write_seq);
}

VERIFIED_ONCE bool is_fast_open_at(__u64 address, int state)
{
	const struct sock *sk = (const void *)address;
	const struct tcp_sock *tp = (const void *)sk;

	return state == TCP_SYN_RECV && !is_mptcp(sk) && bpf_core_field_exists(tp->bytes_received) &&
	       READ(struct tcp_sock, tp, bytes_received);
}

/* Whether data came before the handshake was over (TCP Fast Open): a process may have accepted the connection already. */
static __always_inline bool is_fast_open(const struct sock *sk, int state)
{
	return is_fast_open_at((__u64)sk, state);
}

/* Whether the kernel's types have all that the direction is inferred from. */
static __always_inline bool counts_sequence(const struct tcp_sock *tp)
{
	return bpf_core_field_exists(tp->bytes_acked) && bpf_core_field_exists(tp->bytes_sent) &&
	       bpf_core_field_exists(tp->bytes_retrans) && bpf_core_field_exists(tp->snd_nxt) &&
	       bpf_core_field_exists(tp->snd_una) && bpf_core_field_exists(tp->write_seq);
}

VERIFIED_ONCE int infer_direction_at(__u64 address, int state)
{
	const struct sock *sk = (const void *)address;
	const struct tcp_sock *tp = (const void *)sk;
	__u64 acked, in_flight, sent;

	if (state == TCP_SYN_SENT)
		return DIRECTION_OUTBOUND;
	if (is_mptcp(sk)) {
		tp = (const void *)BPF_CORE_READ((const struct mptcp_sock *)sk, first);
		return tp ? subflow_direction(subflow_context((const void *)tp), DIRECTION_UNKNOWN) : DIRECTION_UNKNOWN;
	}
	if (is_fast_open(sk, state))
		return DIRECTION_INBOUND;
	if (state == TCP_SYN_RECV || !counts_sequence(tp))
		return DIRECTION_UNKNOWN;
	acked = READ(struct tcp_sock, tp, bytes_acked);
	in_flight = (__u32)(READ(struct tcp_sock, tp, snd_nxt) - READ(struct tcp_sock, tp, snd_una));
	sent = READ(struct tcp_sock, tp, bytes_sent) - READ(struct tcp_sock, tp, bytes_retrans);
	if (READ(struct tcp_sock, tp, bytes_acked) != acked)
		return DIRECTION_UNKNOWN;
	if (fin_sent(tp, state))
		sent++;
	if (acked + in_flight == sent + 1)
		return DIRECTION_OUTBOUND;
	if (acked + in_flight == sent)
		return DIRECTION_INBOUND;
	return DIRECTION_UNKNOWN;
}

/*
 * Acknowledged payload is the payload sent once less the payload in flight; on the side that connected, bytes_acked is one
 * more, for its SYN, and a FIN counts as one. The answer is known only if the counters do not change while they are read.
 */
static __always_inline int infer_direction(const struct sock *sk, int state)
{
	return infer_direction_at((__u64)sk, state);
}
