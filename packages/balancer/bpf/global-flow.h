/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A flow by its addresses and ports, the same on all CPUs and on all balancers. */
#pragma once

#include "packet.h"

struct global_flow {
	__u32 source[4];
	__u32 destination[4];
	__u16 source_port; /* network order */
	__u16 destination_port;
	__u8 protocol;
	__u8 ipv6;
	__u16 reserved;
};

static __always_inline void set_global_flow(struct global_flow *flow, const struct packet *packet)
{
	__builtin_memcpy(flow->source, packet->source, sizeof(flow->source));
	__builtin_memcpy(flow->destination, packet->destination, sizeof(flow->destination));
	flow->source_port = packet->source_port;
	flow->destination_port = packet->destination_port;
	flow->protocol = packet->protocol;
	flow->ipv6 = packet->ipv6;
}
