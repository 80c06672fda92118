/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Source matching: a packet that its client has put into a tunnel itself gets the source of the outer header, since a
 * translator on the way changes only that one, and a firewall on the way checks only that one.
 */
#pragma once

#include "decapsulate.h"
#include "sum.h"

/* Replaces the words of an address in a checksum. */
static __always_inline __u16 replace_words(__u16 check, const void *old, const void *fresh, __u32 words)
{
	return ~fold_sum((__u64)(__u16)~check + words * 0xffffULL - sum_words(old, words) + sum_words(fresh, words));
}

/* Replaces an address in the checksum of a TCP or UDP packet. False for others, and for what is cut off. */
static __always_inline bool replace_in_transport(void *transport, const void *end, __u8 protocol, const void *old,
						 const void *fresh, __u32 words)
{
	struct tcphdr *tcp = transport;
	struct udphdr *udp = transport;
	__u16 check;

	if (protocol == IPPROTO_TCP && (void *)(tcp + 1) <= end) {
		tcp->check = replace_words(tcp->check, old, fresh, words);
		return true;
	}
	if (protocol != IPPROTO_UDP || (void *)(udp + 1) > end)
		return false;
	if (udp->check) {
		check = replace_words(udp->check, old, fresh, words);
		udp->check = check ?: 0xffff;
	}
	return true;
}

static __always_inline bool match_source4(const struct iphdr *outer, struct iphdr *inner, const void *end)
{
	__u32 old, fresh;

	if ((void *)(outer + 1) > end || (void *)(inner + 1) > end || *(__u8 *)inner != 0x45 ||
	    (inner->frag_off & bpf_htons(IP_FRAGMENT_BITS)))
		return false;
	old = inner->saddr;
	fresh = outer->saddr;
	if (old == fresh || !replace_in_transport(inner + 1, end, inner->protocol, &old, &fresh, sizeof(old) / 2))
		return false;
	inner->check = replace_words(inner->check, &old, &fresh, sizeof(old) / 2);
	inner->saddr = fresh;
	return true;
}

static __always_inline bool match_source6(const struct ipv6hdr *outer, struct ipv6hdr *inner, const void *end)
{
	struct in6_addr old, fresh;

	if ((void *)(outer + 1) > end || (void *)(inner + 1) > end)
		return false;
	old = inner->saddr;
	fresh = outer->saddr;
	if (!replace_in_transport(inner + 1, end, inner->nexthdr, &old, &fresh, sizeof(old) / 2))
		return false;
	inner->saddr = fresh;
	return true;
}

/*
 * Gives a TCP or UDP packet in a tunnel the source of its outer header. False if nothing is changed: for other packets,
 * fragments, and an inner packet of the other family.
 */
static __noinline bool match_source(struct xdp_md *ctx, __u16 port)
{
	struct ethhdr *eth = packet_start(ctx), *inner;
	const void *end = packet_end(ctx);
	struct tunnel tunnel = {};

	if (!find_tunnel(eth, end, port, &tunnel))
		return false;
	inner = (void *)eth + tunnel.outer;
	if ((eth->h_proto == bpf_htons(ETH_P_IPV6)) != tunnel.ipv6)
		return false;
	return tunnel.ipv6 ? match_source6((void *)(eth + 1), (void *)(inner + 1), end) :
			     match_source4((void *)(eth + 1), (void *)(inner + 1), end);
}
