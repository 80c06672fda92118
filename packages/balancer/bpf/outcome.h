/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Why a packet went where it went. */
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
	/* What chose the real. */
	REASON_QUIC_ID,
	REASON_STABLE_UDP,
	REASON_SERVER_ID,
	REASON_FLOW_TABLE,
	REASON_GLOBAL_FLOW,
	REASON_SOURCE_ROUTE,
	REASON_RING,
	/* By the ring, and not remembered, since too many flows are new. */
	REASON_RING_FLOOD,
	/* Dropped. */
	REASON_EMPTY_SLOT,
	REASON_ENCAPSULATION,
	/* Translated: the flow was known, or it is what a real answered. */
	REASON_NAT_FLOW,
	REASON_NAT_REPLY,
	/* Of a translated service, but of no flow that is known and none that begins: reset, or dropped. */
	REASON_NAT_UNKNOWN,
	/* Dropped. */
	REASON_NAT_EXHAUSTED,
	REASON_NAT_LAST_HOP,
	REASONS,
};

struct outcome {
	enum reason reason;
	__u32 vip;  /* its number and 1 more; 0 if there is none */
	__u32 real; /* its number; 0 if there is none */
};
