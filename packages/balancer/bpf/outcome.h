/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Outcome of a packet: the reason for its verdict, its VIP and its real. */
#pragma once

#include "kernel.h"

enum reason {
	/* Left to the host. */
	REASON_NOT_IP,
	REASON_OTHER_PROTOCOL,
	REASON_NOT_A_VIP,
	/* Dropped, or left to the host if no VIP has its destination address. */
	REASON_MALFORMED,
	REASON_TOO_BIG,
	REASON_ECHO,
	/* Ways in which the real was chosen. */
	REASON_QUIC_ID,
	REASON_STABLE_UDP,
	REASON_SERVER_ID,
	REASON_FLOW_TABLE,
	REASON_GLOBAL_FLOW,
	REASON_SOURCE_ROUTE,
	REASON_RING,
	/* By the ring, without remembering the flow, since too many are new. */
	REASON_RING_FLOOD,
	/* Dropped. */
	REASON_EMPTY_SLOT,
	REASON_ENCAPSULATION,
	/* Translated: the flow was known, or the packet is a real's reply. */
	REASON_NAT_FLOW,
	REASON_NAT_REPLY,
	/* To a translated service, but of no known flow, and not the first of one: reset or dropped. */
	REASON_NAT_UNKNOWN,
	/* Dropped. */
	REASON_NAT_EXHAUSTED,
	REASON_NAT_LAST_HOP,
	/* Dropped: out of a tunnel, with its TTL or hop limit used up. */
	REASON_LAST_HOP,
	/* Dropped: the real's MAC address is not known. */
	REASON_NO_NEIGHBOUR,
	/* Another balancer has sent the flow, with its real. */
	REASON_PEER_FLOW,
	REASONS,
};

struct outcome {
	enum reason reason;
	__u32 vip;  /* its number plus 1; 0 if there is none */
	__u32 real; /* its number; 0 if there is none */
};
