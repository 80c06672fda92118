/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Outer headers: IP in IP, GRE, or UDP (GUE variant 1, which has no header of its own). */
#pragma once

#include "checksum.h"
#include "gre.h"
#include "leave.h"
#include "packet.h"
#include "real.h"

/* The prefixes of outer sources, as loaded: 172.16.0.0/16 and 0100::/96. */
#define SOURCE_PREFIX4 bpf_htonl(0xac100000)
#define SOURCE_PREFIX6 bpf_htonl(0x01000000)

/* Bytes between the outer IP header and the inner packet. */
static __always_inline __u32 bytes_between(void)
{
	return use_gue ? sizeof(struct udphdr) : use_gre ? sizeof(struct gre_header) : 0;
}

/* The protocol of the outer header without UDP. */
static __always_inline __u8 outer_protocol(bool ipv6)
{
	return use_gre ? IPPROTO_GRE : ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

/* Swaps a port's bytes. */
static __always_inline __u32 swap16(__u16 port)
{
	return __builtin_bswap16(port);
}

/*
 * The inner packet's part of the outer UDP checksum. A valid IPv4 header sums to zero, and so does a transport packet
 * with its pseudo header: what remains is the negative pseudo header. A UDP packet without a checksum has to be summed.
 */
static __always_inline bool sum_inner4(struct xdp_md *ctx, __u32 offset, const struct iphdr *inner, __u64 *sum)
{
	const struct udphdr *udp = (const void *)(inner + 1);
	__u64 pseudo;

	if ((void *)(udp + 1) > packet_end(ctx))
		return false;
	if (inner->protocol == IPPROTO_UDP && !udp->check) {
		*sum = sum_packet(ctx, offset, bpf_ntohs(inner->tot_len));
		return true;
	}
	*sum = 0;
	if (inner->protocol == IPPROTO_ICMP)
		return true;
	pseudo = sum_words(&inner->saddr, 4) + bpf_htons(inner->protocol) +
		 bpf_htons(bpf_ntohs(inner->tot_len) - sizeof(*inner));
	*sum = (__u16)~fold_sum(pseudo);
	return true;
}

/* The same for IPv6, whose header has no checksum: the parts that the pseudo header lacks are summed. */
static __always_inline bool sum_inner6(struct xdp_md *ctx, __u32 offset, const struct ipv6hdr *inner, __u64 *sum)
{
	const struct udphdr *udp = (const void *)(inner + 1);

	if ((void *)(udp + 1) > packet_end(ctx))
		return false;
	/* Tunnels may omit it (RFC 6935). */
	if (inner->nexthdr == IPPROTO_UDP && !udp->check) {
		*sum = sum_packet(ctx, offset, sizeof(*inner) + bpf_ntohs(inner->payload_len));
		return true;
	}
	*sum = sum_words(inner, 2) + *(__u16 *)&inner->nexthdr + (__u16)~bpf_htons(inner->nexthdr);
	return true;
}

static __always_inline bool sum_inner(struct xdp_md *ctx, const struct packet *packet, __u32 offset, __u64 *sum)
{
	const void *inner = packet_start(ctx) + offset;

	if (packet->ipv6) {
		if (inner + sizeof(struct ipv6hdr) > packet_end(ctx))
			return false;
		return sum_inner6(ctx, offset, inner, sum);
	}
	if (inner + sizeof(struct iphdr) > packet_end(ctx))
		return false;
	return sum_inner4(ctx, offset, inner, sum);
}

/* Writes the UDP header of GUE; `sum` is the sum of the inner packet and of the outer addresses. */
static __always_inline void write_gue(struct udphdr *udp, const struct packet *packet, __u16 source, __u64 sum)
{
	__u16 length = bpf_htons(packet->length + sizeof(*udp));
	__u16 checksum;

	udp->source = source;
	udp->dest = gue_port;
	udp->len = length;
	/* The length counts twice, in the pseudo header and in the header. */
	checksum = ~fold_sum(sum + source + gue_port + length + length + bpf_htons(IPPROTO_UDP));
	udp->check = checksum ?: 0xffff;
}

/* Bytes 2 and 3 of an IPv4 source, or bytes 12 and 13 of an IPv6 source. */
static __always_inline __u16 flow_entropy(const struct packet *packet)
{
	return packet->ipv6 ? packet->source[3] & 0xffff : packet->source[0] >> 16;
}

static __always_inline void write_outer4(struct iphdr *ip, const struct packet *packet, const struct real *real,
					 __u32 source, __u32 header, __u8 protocol)
{
	__u16 first = 0x45 | (__u16)packet->tos << 8;
	__u16 length = bpf_htons(packet->length + header);
	__u16 ttl = OUTER_TTL | (__u16)protocol << 8;
	__u32 destination = real->address[0];

	*(__u16 *)ip = first;
	ip->tot_len = length;
	*(__u32 *)&ip->id = 0;
	*(__u16 *)&ip->ttl = ttl;
	/* Summed from registers: reading the bytes that were just written would stall. */
	ip->check = ~fold_sum((__u64)first + length + ttl + source + destination);
	ip->saddr = source;
	ip->daddr = destination;
}

static __always_inline void write_outer6(struct ipv6hdr *ip, const struct packet *packet, const struct real *real,
					 __u32 more, __u8 protocol)
{
	*(__u32 *)ip = bpf_htonl(6U << 28 | (__u32)packet->tos << 20);
	ip->payload_len = bpf_htons(packet->length + more);
	ip->nexthdr = protocol;
	ip->hop_limit = OUTER_TTL;
	__builtin_memcpy(&ip->daddr, real->address, sizeof(ip->daddr));
}

/* Makes room for outer headers and writes the Ethernet header. Returns the place after it; NULL if there is no room. */
static __always_inline void *make_room(struct xdp_md *ctx, __u32 bytes, __u16 ethertype)
{
	__u32 mac_front;
	struct ethhdr *eth = packet_start(ctx);
	__u16 mac_back;

	if ((void *)(eth + 1) > packet_end(ctx))
		return NULL;
	__builtin_memcpy(&mac_front, eth->h_dest, 4);
	__builtin_memcpy(&mac_back, eth->h_dest + 4, 2);
	if (bpf_xdp_adjust_head(ctx, -(int)bytes))
		return NULL;
	eth = packet_start(ctx);
	if ((void *)(eth + 1) + bytes > packet_end(ctx))
		return NULL;
	*(__u32 *)eth->h_dest = router_mac_front;
	*(__u16 *)(eth->h_dest + 4) = router_mac_back;
	if (use_router_device) {
		write_router_source(eth->h_source);
	} else {
		__builtin_memcpy(eth->h_source, &mac_front, 4);
		__builtin_memcpy(eth->h_source + 4, &mac_back, 2);
	}
	eth->h_proto = ethertype;
	return eth + 1;
}

static __always_inline bool encapsulate4(struct xdp_md *ctx, const struct packet *packet, const struct real *real)
{
	__u32 header = sizeof(struct iphdr) + bytes_between();
	__u32 entropy = (__u32)(flow_entropy(packet) ^ swap16(packet->source_port)) << 16;
	struct iphdr *ip = make_room(ctx, header, bpf_htons(ETH_P_IP));
	struct udphdr *udp;
	__u64 sum, inner;

	if (!ip)
		return false;
	if (!use_gue) {
		write_outer4(ip, packet, real, SOURCE_PREFIX4 | entropy, header,
			     outer_protocol(packet->ipv6));
		if (use_gre)
			write_gre((void *)(ip + 1), packet->ipv6);
		return true;
	}
	write_outer4(ip, packet, real, gue_source4, header, IPPROTO_UDP);
	sum = sum_words(&ip->saddr, 4);
	udp = (void *)(ip + 1);
	if (!sum_inner(ctx, packet, ETH_HLEN + header, &inner))
		return false;
	write_gue(udp, packet, swap16(packet->source_port) ^ flow_entropy(packet), sum + inner);
	return true;
}

static __always_inline bool encapsulate6(struct xdp_md *ctx, const struct packet *packet, const struct real *real)
{
	__u32 more = bytes_between();
	struct ipv6hdr *ip = make_room(ctx, sizeof(*ip) + more, bpf_htons(ETH_P_IPV6));
	__u64 inner;

	if (!ip)
		return false;
	if (!use_gue) {
		write_outer6(ip, packet, real, more, outer_protocol(packet->ipv6));
		ip->saddr.in6_u.u6_addr32[0] = SOURCE_PREFIX6;
		ip->saddr.in6_u.u6_addr32[1] = 0;
		ip->saddr.in6_u.u6_addr32[2] = 0;
		ip->saddr.in6_u.u6_addr32[3] = packet->source[packet->ipv6 ? 3 : 0] ^ packet->source_port;
		if (use_gre)
			write_gre((void *)(ip + 1), packet->ipv6);
		return true;
	}
	write_outer6(ip, packet, real, more, IPPROTO_UDP);
	for (int i = 0; i < 4; i++)
		ip->saddr.in6_u.u6_addr32[i] = gue_source6[i];
	if (!sum_inner(ctx, packet, ETH_HLEN + sizeof(*ip) + more, &inner))
		return false;
	write_gue((void *)(ip + 1), packet, packet->source_port ^ flow_entropy(packet),
		  inner + sum_words(&ip->saddr, 16));
	return true;
}

/* Encapsulates a packet; false if there is no room. */
static __always_inline bool encapsulate(struct xdp_md *ctx, const struct packet *packet, const struct real *real)
{
	if (real->flags & REAL_IPV6)
		return encapsulate6(ctx, packet, real);
	return encapsulate4(ctx, packet, real);
}
