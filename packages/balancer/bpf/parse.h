/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Parsing of headers, which give a packet's flow. */
#pragma once

#include "cpu.h"
#include "packet.h"

enum parsed {
	PARSED_NOT_IP,
	PARSED_OTHER_PROTOCOL,
	/* Its destination is known; its flow cannot be. */
	PARSED_MALFORMED,
	PARSED_ECHO_REQUEST,
	PARSED_FLOW,
};

/* Smallest MTU that IPv6 allows. */
#define SMALL_MTU 1280
/* Bytes of the transport header that every ICMP error quotes. */
#define ICMP_TRANSPORT_BYTES 8

/* The first bytes of every transport header. */
struct ports {
	__u16 source;
	__u16 destination;
};

/* Offset of the flags in the header. */
#define TCP_FLAGS 13

static __always_inline __u8 tcp_flags(const struct tcphdr *tcp)
{
	return ((const __u8 *)tcp)[TCP_FLAGS] & (PACKET_FIN | PACKET_SYN | PACKET_RST);
}

static __always_inline enum parsed parse_tcp(struct packet *packet, const struct tcphdr *tcp, const void *end)
{
	if ((void *)(tcp + 1) > end || packet->length < packet->transport - ETH_HLEN + sizeof(*tcp))
		return PARSED_MALFORMED;
	packet->source_port = tcp->source;
	packet->destination_port = tcp->dest;
	packet->flags = tcp_flags(tcp);
	return PARSED_FLOW;
}

static __always_inline enum parsed parse_udp(struct packet *packet, const struct udphdr *udp, const void *end)
{
	if ((void *)(udp + 1) > end || packet->length < packet->transport - ETH_HLEN + sizeof(*udp))
		return PARSED_MALFORMED;
	packet->source_port = udp->source;
	packet->destination_port = udp->dest;
	return PARSED_FLOW;
}

/* Reads the ports of the packet that an ICMP error quotes, in the other direction. */
static __always_inline enum parsed parse_inner_ports(struct packet *packet, const struct ports *inner, const void *end)
{
	if ((void *)inner + ICMP_TRANSPORT_BYTES > end)
		return PARSED_MALFORMED;
	packet->source_port = inner->destination;
	packet->destination_port = inner->source;
	packet->flags |= PACKET_ICMP;
	return PARSED_FLOW;
}

static __always_inline enum parsed parse_icmp4(struct cpu *cpu, struct packet *packet, const struct icmp_header *icmp,
					       const void *end)
{
	const struct iphdr *inner = (const void *)(icmp + 1);

	if ((void *)(icmp + 1) > end)
		return PARSED_MALFORMED;
	if (icmp->type == ICMP4_ECHO_REQUEST)
		return PARSED_ECHO_REQUEST;
	if (icmp->type != ICMP4_UNREACHABLE) {
		if (!use_nat || (icmp->type != ICMP4_TIME_EXCEEDED && icmp->type != ICMP4_PARAMETER_PROBLEM))
			return PARSED_OTHER_PROTOCOL;
		packet->flags |= PACKET_ICMP_TRANSLATED;
	}
	if ((void *)(inner + 1) > end || *(__u8 *)inner != 0x45 || (inner->frag_off & bpf_htons(IP_OFFSET_BITS)))
		return PARSED_MALFORMED;
	if (inner->saddr != packet->destination[0])
		return PARSED_OTHER_PROTOCOL;
	if (inner->protocol != IPPROTO_TCP && inner->protocol != IPPROTO_UDP)
		return PARSED_OTHER_PROTOCOL;
	if (icmp->code == ICMP4_CODE_TOO_BIG && bpf_ntohs(icmp->mtu4) < SMALL_MTU)
		count(&cpu->counters.icmp_small_mtu);
	packet->source_halves[0] = inner->daddr;
	packet->protocol = inner->protocol;
	return parse_inner_ports(packet, (const void *)(inner + 1), end);
}

/* An address in a packet, which need not be aligned. */
struct halves {
	__u64 half[2];
} __attribute__((packed, may_alias));

static __always_inline void copy_address(__u64 *to, const void *address)
{
	const struct halves *from = address;

	to[0] = from->half[0];
	to[1] = from->half[1];
}

static __always_inline enum parsed parse_icmp6(struct cpu *cpu, struct packet *packet, const struct icmp_header *icmp,
					       const void *end)
{
	const struct ipv6hdr *inner = (const void *)(icmp + 1);

	if ((void *)(icmp + 1) > end)
		return PARSED_MALFORMED;
	if (icmp->type == ICMP6_ECHO_REQUEST)
		return PARSED_ECHO_REQUEST;
	if (icmp->type != ICMP6_UNREACHABLE && icmp->type != ICMP6_TOO_BIG) {
		if (!use_nat || (icmp->type != ICMP6_TIME_EXCEEDED && icmp->type != ICMP6_PARAMETER_PROBLEM))
			return PARSED_OTHER_PROTOCOL;
		packet->flags |= PACKET_ICMP_TRANSLATED;
	}
	if ((void *)(inner + 1) > end || inner->version != 6)
		return PARSED_MALFORMED;
	if (!same_address(&inner->saddr, packet->destination))
		return PARSED_OTHER_PROTOCOL;
	if (inner->nexthdr != IPPROTO_TCP && inner->nexthdr != IPPROTO_UDP)
		return PARSED_OTHER_PROTOCOL;
	if (icmp->type == ICMP6_TOO_BIG && bpf_ntohl(icmp->mtu6) < SMALL_MTU)
		count(&cpu->counters.icmp_small_mtu);
	copy_address(packet->source_halves, &inner->daddr);
	packet->protocol = inner->nexthdr;
	return parse_inner_ports(packet, (const void *)(inner + 1), end);
}

/* The length in the header must lie within the frame; bytes after it are padding. */
static __always_inline bool length_fits(__u32 length, const void *header, const void *end)
{
	return length <= (__u32)(end - header);
}

static __always_inline enum parsed parse_ipv4(struct cpu *cpu, struct packet *packet, const struct iphdr *ip,
					      const void *end)
{
	const void *transport = ip + 1;

	if (transport > end)
		return PARSED_NOT_IP;
	packet->source_halves[0] = ip->saddr;
	packet->source_halves[1] = 0;
	packet->destination_halves[0] = ip->daddr;
	packet->destination_halves[1] = 0;
	packet->ipv6 = false;
	packet->flags = 0;
	packet->length = bpf_ntohs(ip->tot_len);
	packet->transport = ETH_HLEN + sizeof(*ip);
	packet->protocol = ip->protocol;
	packet->tos = ip->tos;
	if (*(__u8 *)ip != 0x45 || (ip->frag_off & bpf_htons(IP_FRAGMENT_BITS)))
		return PARSED_MALFORMED;
	if (packet->length < sizeof(*ip) || !length_fits(packet->length, ip, end))
		return PARSED_MALFORMED;
	if (ip->protocol == IPPROTO_TCP)
		return parse_tcp(packet, transport, end);
	if (ip->protocol == IPPROTO_UDP)
		return parse_udp(packet, transport, end);
	if (ip->protocol == IPPROTO_ICMP)
		return parse_icmp4(cpu, packet, transport, end);
	return PARSED_OTHER_PROTOCOL;
}

static __always_inline enum parsed parse_ipv6(struct cpu *cpu, struct packet *packet, const struct ipv6hdr *ip,
					      const void *end)
{
	const void *transport = ip + 1;

	if (transport > end)
		return PARSED_NOT_IP;
	copy_address(packet->source_halves, &ip->saddr);
	copy_address(packet->destination_halves, &ip->daddr);
	packet->ipv6 = true;
	packet->flags = 0;
	packet->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	packet->transport = ETH_HLEN + sizeof(*ip);
	packet->protocol = ip->nexthdr;
	packet->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	if (ip->version != 6 || ip->nexthdr == IPPROTO_FRAGMENT)
		return PARSED_MALFORMED;
	if (!length_fits(sizeof(*ip) + bpf_ntohs(ip->payload_len), ip, end))
		return PARSED_MALFORMED;
	if (ip->nexthdr == IPPROTO_TCP)
		return parse_tcp(packet, transport, end);
	if (ip->nexthdr == IPPROTO_UDP)
		return parse_udp(packet, transport, end);
	if (ip->nexthdr == IPPROTO_ICMPV6)
		return parse_icmp6(cpu, packet, transport, end);
	return PARSED_OTHER_PROTOCOL;
}

/* Parses a packet. Ports are set only for PARSED_FLOW. */
static __always_inline enum parsed parse_packet(struct cpu *cpu, struct packet *packet, const struct xdp_md *ctx)
{
	const struct ethhdr *eth = packet_start(ctx);
	const void *end = packet_end(ctx);

	if ((void *)(eth + 1) > end)
		return PARSED_NOT_IP;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return parse_ipv4(cpu, packet, (const void *)(eth + 1), end);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(cpu, packet, (const void *)(eth + 1), end);
	return PARSED_NOT_IP;
}
