/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* ICMP messages of the balancer itself: echo replies, and answers to packets too long to be encapsulated. */
#pragma once

#include "checksum.h"
#include "config.h"
#include "packet.h"

static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
}

/* The checksum after a change of one 16-bit word that it covers (RFC 1624). */
static __always_inline __u16 changed_checksum(__u16 checksum, __u16 before, __u16 after)
{
	return ~fold_sum((__u64)(__u16)~checksum + (__u16)~before + after);
}

static __always_inline int answer_echo4(struct ethhdr *eth, void *end)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct icmp_header *icmp = (void *)(ip + 1);
	__u32 address;

	if ((void *)(icmp + 1) > end)
		return XDP_DROP;
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->ttl = OUTER_TTL;
	set_ip_checksum(ip);
	icmp->type = ICMP4_ECHO_REPLY;
	/*
	 * A message of zeros has the checksum 0xffff, which the change of one word cannot give. Where 0 is right, 0xffff is
	 * right, too.
	 */
	icmp->checksum = changed_checksum(icmp->checksum, ICMP4_ECHO_REQUEST, ICMP4_ECHO_REPLY) ?: 0xffff;
	swap_macs(eth);
	return XDP_TX;
}

static __always_inline int answer_echo6(struct ethhdr *eth, void *end)
{
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct icmp_header *icmp = (void *)(ip + 1);
	struct in6_addr address;

	if ((void *)(icmp + 1) > end)
		return XDP_DROP;
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	ip->hop_limit = OUTER_TTL;
	icmp->type = ICMP6_ECHO_REPLY;
	icmp->checksum = changed_checksum(icmp->checksum, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY);
	swap_macs(eth);
	return XDP_TX;
}

static __always_inline int answer_echo(struct xdp_md *ctx, const struct packet *packet)
{
	struct ethhdr *eth = packet_start(ctx);
	void *end = packet_end(ctx);

	return packet->ipv6 ? answer_echo6(eth, end) : answer_echo4(eth, end);
}

/* Bytes of the packet that a too-big message quotes, from its IP header on: the frame's first 98 or 262 bytes. */
#define QUOTED_BYTES4 84
#define QUOTED_BYTES6 248

/* Cuts the frame and makes room for IP and ICMP headers before its IP header. The Ethernet header moves along. */
static __always_inline bool make_icmp_room(struct xdp_md *ctx, __u32 quoted, __u32 headers)
{
	int frame = packet_end(ctx) - packet_start(ctx);
	struct ethhdr *before, *eth;

	if (bpf_xdp_adjust_tail(ctx, (int)(ETH_HLEN + quoted) - frame) || bpf_xdp_adjust_head(ctx, -(int)headers))
		return false;
	eth = packet_start(ctx);
	before = packet_start(ctx) + headers;
	if ((void *)(before + 1) > packet_end(ctx))
		return false;
	__builtin_memcpy(eth->h_dest, before->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, before->h_dest, ETH_ALEN);
	eth->h_proto = before->h_proto;
	return true;
}

static __always_inline int send_too_big4(struct xdp_md *ctx, const struct packet *packet)
{
	struct ethhdr *eth;
	struct icmp_header *icmp;
	struct iphdr *ip;

	if (!make_icmp_room(ctx, QUOTED_BYTES4, sizeof(*ip) + sizeof(*icmp)))
		return XDP_DROP;
	eth = packet_start(ctx);
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) + QUOTED_BYTES4 > packet_end(ctx))
		return XDP_DROP;
	*(__u16 *)ip = 0x45;
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*icmp) + QUOTED_BYTES4);
	*(__u32 *)&ip->id = 0;
	ip->ttl = OUTER_TTL;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = packet->destination[0];
	ip->daddr = packet->source[0];
	set_ip_checksum(ip);
	icmp->type = ICMP4_UNREACHABLE;
	icmp->code = ICMP4_CODE_TOO_BIG;
	icmp->checksum = 0;
	icmp->unused = 0;
	icmp->mtu4 = bpf_htons(icmp_mtu);
	icmp->checksum = ~fold_sum(sum_packet(ctx, ETH_HLEN + sizeof(*ip), sizeof(*icmp) + QUOTED_BYTES4));
	return XDP_TX;
}

static __always_inline int send_too_big6(struct xdp_md *ctx, const struct packet *packet)
{
	struct ethhdr *eth;
	struct icmp_header *icmp;
	struct ipv6hdr *ip;
	__u16 length = bpf_htons(sizeof(*icmp) + QUOTED_BYTES6);
	__u64 sum;

	if (!make_icmp_room(ctx, QUOTED_BYTES6, sizeof(*ip) + sizeof(*icmp)))
		return XDP_DROP;
	eth = packet_start(ctx);
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) + QUOTED_BYTES6 > packet_end(ctx))
		return XDP_DROP;
	*(__u32 *)ip = bpf_htonl(6U << 28);
	ip->payload_len = length;
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = OUTER_TTL;
	__builtin_memcpy(&ip->saddr, packet->destination, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, packet->source, sizeof(ip->daddr));
	icmp->type = ICMP6_TOO_BIG;
	icmp->code = 0;
	icmp->checksum = 0;
	icmp->mtu6 = bpf_htonl(icmp_mtu);
	sum = sum_words(&ip->saddr, 16) + length + bpf_htons(IPPROTO_ICMPV6);
	sum += sum_packet(ctx, ETH_HLEN + sizeof(*ip), sizeof(*icmp) + QUOTED_BYTES6);
	icmp->checksum = ~fold_sum(sum);
	return XDP_TX;
}

static __noinline int answer_too_big(struct xdp_md *ctx, const struct packet *packet)
{
	/* An error about an error must not be sent (RFC 1122). */
	if (!send_too_big || (packet->flags & PACKET_ICMP))
		return XDP_DROP;
	return packet->ipv6 ? send_too_big6(ctx, packet) : send_too_big4(ctx, packet);
}
