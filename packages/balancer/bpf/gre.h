/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The header of generic routing encapsulation, version 0 (RFC 2784), without checksum, key and sequence number. */
#pragma once

#include "kernel.h"

struct gre_header {
	__u16 flags; /* 0, with the version */
	__u16 protocol; /* an ethertype, network order */
};

static __always_inline void write_gre(struct gre_header *gre, bool ipv6)
{
	gre->flags = 0;
	gre->protocol = bpf_htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP);
}

/* Whether a header leads to an IP packet; sets whether that is IPv6. */
static __always_inline bool read_gre(const struct gre_header *gre, bool *ipv6)
{
	*ipv6 = gre->protocol == bpf_htons(ETH_P_IPV6);
	return !gre->flags && (*ipv6 || gre->protocol == bpf_htons(ETH_P_IP));
}
