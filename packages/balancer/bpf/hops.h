/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* TTL and hop limit. */
#pragma once

#include "kernel.h"

/* Decrements TTL or hop limit. False, and nothing is changed, if it would become 0. */
static __always_inline bool decrement_ttl(void *header, bool ipv6)
{
	struct ipv6hdr *ip6 = header;
	struct iphdr *ip = header;
	__u32 check;

	if (ipv6) {
		if (ip6->hop_limit <= 1)
			return false;
		ip6->hop_limit--;
		return true;
	}
	if (ip->ttl <= 1)
		return false;
	ip->ttl--;
	/* The TTL is the first byte of its word, which became less: the checksum becomes more, with the carry. */
	check = ip->check + bpf_htons(0x0100);
	ip->check = check + (check >= 0xffff);
	return true;
}
