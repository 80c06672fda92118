/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Removal of outer headers: IP in IP, GRE, or GUE variant 1. */
#pragma once

#include "gre.h"
#include "hops.h"

struct tunnel_end {
	__u32 address[4]; /* network order; IPv4 takes the first word */
	__u32 ipv6;
};

/* Addresses at which tunnels end. User space inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tunnel_end);
	__type(value, __u32);
} tunnel_ends SEC(".maps");

/* The outer headers to be removed. */
struct tunnel {
	__u32 outer;  /* bytes of outer headers; 0 if there is no tunnel */
	__u16 length; /* total length in the outer header, bytes */
	bool ipv6;    /* whether the inner packet is IPv6 */
};

/* Returns the bytes of a tunnel's header after the IP header, whose protocol is `protocol`; -1 without a tunnel. */
static __always_inline int tunnel_header(const void *transport, const void *end, __u8 protocol, __u16 port, bool *ipv6)
{
	const struct udphdr *udp = transport;
	const __u8 *inner = (const void *)(udp + 1);
	const struct gre_header *gre = transport;

	if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) {
		*ipv6 = protocol == IPPROTO_IPV6;
		return 0;
	}
	if (protocol == IPPROTO_GRE)
		return (const void *)(gre + 1) <= end && read_gre(gre, ipv6) ? sizeof(*gre) : -1;
	if (protocol != IPPROTO_UDP || (void *)(inner + 1) > end || udp->dest != port)
		return -1;
	if (*inner >> 4 != 4 && *inner >> 4 != 6)
		return -1;
	*ipv6 = *inner >> 4 == 6;
	return sizeof(*udp);
}

static __always_inline void find_tunnel4(const struct iphdr *ip, const void *end, __u16 port, struct tunnel *tunnel)
{
	struct tunnel_end key = {};
	int header;

	if ((void *)(ip + 1) > end || *(__u8 *)ip != 0x45 || (ip->frag_off & bpf_htons(IP_FRAGMENT_BITS)))
		return;
	header = tunnel_header(ip + 1, end, ip->protocol, port, &tunnel->ipv6);
	if (header < 0)
		return;
	key.address[0] = ip->daddr;
	if (!bpf_map_lookup_elem(&tunnel_ends, &key))
		return;
	tunnel->length = bpf_ntohs(ip->tot_len);
	tunnel->outer = sizeof(*ip) + header;
}

static __always_inline void find_tunnel6(const struct ipv6hdr *ip, const void *end, __u16 port, struct tunnel *tunnel)
{
	struct tunnel_end key = {.ipv6 = 1};
	int header;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return;
	header = tunnel_header(ip + 1, end, ip->nexthdr, port, &tunnel->ipv6);
	if (header < 0)
		return;
	__builtin_memcpy(key.address, &ip->daddr, sizeof(key.address));
	if (!bpf_map_lookup_elem(&tunnel_ends, &key))
		return;
	tunnel->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	tunnel->outer = sizeof(*ip) + header;
}

/* Finds the outer headers of a packet in a tunnel that ends here; false if it is in none. */
static __always_inline bool find_tunnel(const struct ethhdr *eth, const void *end, __u16 port, struct tunnel *tunnel)
{
	if ((void *)(eth + 1) > end)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		find_tunnel4((const void *)(eth + 1), end, port, tunnel);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		find_tunnel6((const void *)(eth + 1), end, port, tunnel);
	return tunnel->outer && tunnel->outer <= sizeof(struct ipv6hdr) + sizeof(struct udphdr) &&
	       tunnel->length >= tunnel->outer + sizeof(struct iphdr);
}

enum decapsulation {
	DECAPSULATED_NOTHING,
	DECAPSULATED,
	/* The inner packet must not be forwarded any further. */
	DECAPSULATED_LAST_HOP,
};

/*
 * Removes the outer headers of a packet in a tunnel. The frame then begins with the inner packet's Ethernet header. Where
 * the tunnel is a hop, the inner packet's TTL or hop limit is decremented, except on its last one.
 */
static __noinline enum decapsulation decapsulate(struct xdp_md *ctx, __u16 port, bool is_hop)
{
	struct ethhdr *eth = packet_start(ctx), *inner;
	const void *end = packet_end(ctx);
	struct tunnel tunnel = {};
	bool is_last;

	if (!find_tunnel(eth, end, port, &tunnel))
		return DECAPSULATED_NOTHING;
	inner = (void *)eth + tunnel.outer;
	if ((void *)(inner + 1) + sizeof(struct iphdr) > end)
		return DECAPSULATED_NOTHING;
	is_last = is_hop && !decrement_ttl(inner + 1, tunnel.ipv6);
	__builtin_memmove(inner->h_source, eth->h_source, ETH_ALEN);
	__builtin_memmove(inner->h_dest, eth->h_dest, ETH_ALEN);
	inner->h_proto = bpf_htons(tunnel.ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	if (bpf_xdp_adjust_head(ctx, tunnel.outer))
		return DECAPSULATED_NOTHING;
	return is_last ? DECAPSULATED_LAST_HOP : DECAPSULATED;
}
