/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The connection id: the initial sequence numbers of both ends, the lower one in the upper 32 bits. Both ends of a connection
 * see the same two numbers, also through a NAT that rewrites addresses and ports. They are ordered by value, not by who
 * connected: when both ends connect at once, each takes itself for the one that did, or only one of them notices.
 */
#pragma once

#include "socket.h"

static __always_inline bool knows_connection_id(void)
{
	return bpf_core_field_exists(struct tcp_sock, snd_una) && bpf_core_field_exists(struct tcp_sock, bytes_acked) &&
	       bpf_core_field_exists(struct tcp_sock, rcv_nxt) && bpf_core_field_exists(struct tcp_sock, bytes_received);
}

VERIFIED_ONCE __u64 read_connection_id_at(__u64 address, int direction)
{
	const struct sock *sk = (const void *)address;
	const struct tcp_sock *tp = (const void *)sk;
	__u32 acked, own, peer;

	if (!knows_connection_id() || direction == DIRECTION_UNKNOWN || is_mptcp(sk))
		return 0;
	acked = READ(struct tcp_sock, tp, bytes_acked);
	if (direction == DIRECTION_INBOUND)
		acked++;
	if (!acked)
		return 0;
	own = READ(struct tcp_sock, tp, snd_una) - acked;
	peer = READ(struct tcp_sock, tp, rcv_nxt) - (__u32)READ(struct tcp_sock, tp, bytes_received) - 1;
	return own < peer ? (__u64)own << 32 | peer : (__u64)peer << 32 | own;
}

/*
 * 0 if it is not known. Sequence numbers and byte counters move together, from the handshake on, whatever data or FIN they have
 * passed (with TCP Fast Open, data may come before the handshake is over): bytes_received does not contain the peer's SYN,
 * and bytes_acked contains the own one on the side that connected. So what they are at any moment leads back to the numbers
 * of the SYNs. The socket must be locked, as it is when it changes its state, and in security_sock_graft.
 *
 * An outgoing connection without an acknowledged SYN had no handshake: it was restored by TCP_REPAIR. MPTCP has a sequence
 * of its own, and its subflows have others.
 */
static __always_inline __u64 read_connection_id(const struct sock *sk, int direction)
{
	return read_connection_id_at((__u64)sk, direction);
}
