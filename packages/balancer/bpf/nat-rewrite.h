/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Replacement of addresses and ports in a packet, with an incremental update of checksums (RFC 1624). */
#pragma once

#include "checksum.h"
#include "hops.h"
#include "nat-work.h"

/* Adds the replacement of `before` by `after`, both pairs of 16-bit words, to a difference of sums. */
static __always_inline void add_change(__u64 *change, __u32 before, __u32 after)
{
	*change += (__u32)~before;
	*change += after;
}

/* The same for a single word. */
static __always_inline void add_change16(__u64 *change, __u16 before, __u16 after)
{
	*change += (__u16)~before;
	*change += after;
}

static __always_inline __u16 change_checksum(__u16 checksum, __u64 change)
{
	return ~fold_sum((__u16)~checksum + change);
}

/* In UDP, 0 means no checksum, which stays absent, and 0xffff stands for a checksum of 0. */
static __always_inline __u16 change_udp_checksum(__u16 checksum, __u64 change)
{
	if (!checksum)
		return 0;
	return change_checksum(checksum, change) ?: 0xffff;
}

static __always_inline void replace_address6(__u32 *address, const __u64 *by, __u64 *change)
{
	const __u32 *words = (const __u32 *)by;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		add_change(change, address[i], words[i]);
		address[i] = words[i];
	}
}

/* Replaces an IP header's addresses and updates IPv4's checksum. Returns the change for the transport's checksum. */
static __always_inline __u64 replace_addresses(void *header, bool ipv6, const __u64 *source, const __u64 *destination)
{
	struct ipv6hdr *ip6 = header;
	struct iphdr *ip = header;
	__u64 change = 0;

	if (ipv6) {
		replace_address6(ip6->saddr.in6_u.u6_addr32, source, &change);
		replace_address6(ip6->daddr.in6_u.u6_addr32, destination, &change);
		return change;
	}
	add_change(&change, ip->saddr, source[0]);
	add_change(&change, ip->daddr, destination[0]);
	ip->saddr = source[0];
	ip->daddr = destination[0];
	ip->check = change_checksum(ip->check, change);
	return change;
}

/* Replaces both ports, which are one word with the source first. */
static __always_inline void replace_ports(__u32 *ports, __u16 source, __u16 destination, __u64 *change)
{
	__u32 after = source | (__u32)destination << 16;

	add_change(change, *ports, after);
	*ports = after;
}

/*
 * Rewrites the packet that an ICMP error quotes, which goes in the other direction, and the error's checksum. `change`
 * is the earlier change that the checksum covers. At least 8 bytes of the transport header must be quoted, else false;
 * TCP's checksum may be missing.
 */
static __always_inline bool rewrite_quoted(struct icmp_header *icmp, const struct packet *packet, bool ipv6,
					   const struct nat_tuple *to, const void *end, __u64 change)
{
	void *header = icmp + 1;
	__u32 header_bytes = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct udphdr *udp = header + header_bytes;
	struct tcphdr *tcp = (void *)udp;
	__u32 quoted = packet->length - header_bytes - sizeof(*icmp);
	__u16 *checksum = NULL, before;
	__u64 inner;

	if ((void *)(udp + 1) > end || quoted < header_bytes + sizeof(*udp))
		return false;
	before = ipv6 ? 0 : ((struct iphdr *)header)->check;
	inner = replace_addresses(header, ipv6, to->destination, to->source);
	if (!ipv6)
		add_change16(&change, before, ((struct iphdr *)header)->check);
	replace_ports((__u32 *)udp, to->destination_port, to->source_port, &inner);
	change += inner;
	if (packet->protocol == IPPROTO_UDP)
		checksum = &udp->check;
	else if ((void *)&tcp->urg_ptr <= end && quoted >= header_bytes + offsetof(struct tcphdr, urg_ptr))
		checksum = &tcp->check;
	if (checksum) {
		before = *checksum;
		*checksum = packet->protocol == IPPROTO_UDP ? change_udp_checksum(before, inner) :
							      change_checksum(before, inner);
		add_change16(&change, before, *checksum);
	}
	icmp->checksum = change_checksum(icmp->checksum, change);
	return true;
}

/* Rewrites a packet of one family; `header` is its IP header. */
static __always_inline bool rewrite_family(void *header, const void *end, const struct packet *packet, bool ipv6,
					   const struct nat_tuple *to)
{
	void *transport = header + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	struct udphdr *udp = transport;
	struct tcphdr *tcp = transport;
	__u64 change;

	if ((void *)(udp + 1) > end || !decrement_ttl(header, ipv6))
		return false;
	change = replace_addresses(header, ipv6, to->source, to->destination);
	if (packet->flags & PACKET_ICMP)
		/* The checksum of ICMP for IPv4 does not cover addresses. */
		return rewrite_quoted(transport, packet, ipv6, to, end, ipv6 ? change : 0);
	replace_ports(transport, to->source_port, to->destination_port, &change);
	if (packet->protocol == IPPROTO_UDP) {
		udp->check = change_udp_checksum(udp->check, change);
		return true;
	}
	if ((void *)(tcp + 1) > end)
		return false;
	tcp->check = change_checksum(tcp->check, change);
	return true;
}

/*
 * Sets a packet's addresses and ports to nat_work.to. An ICMP error gets the source of the flow's own packets. False if
 * the packet must not be forwarded any further.
 */
__noinline int rewrite_packet(struct xdp_md *ctx, __u32 id)
{
	const struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);
	void *header = packet_start(ctx) + ETH_HLEN;
	const struct nat_work *work = nat_work_of(id);
	const void *end = packet_end(ctx);

	if (!cpu || !work)
		return false;
	return cpu->packet.ipv6 ? rewrite_family(header, end, &cpu->packet, true, &work->to) :
				  rewrite_family(header, end, &cpu->packet, false, &work->to);
}
