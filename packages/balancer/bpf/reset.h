/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Resets that the balancer sends as answers to TCP packets of unknown flows (RFC 9293, 3.5.2). */
#pragma once

#include "checksum.h"
#include "cpu.h"
#include "icmp.h"

/* The TCP header after the ports; flags are bytes 12 and 13. */
struct reset {
	__u32 sequence;
	__u32 acknowledgement;
	__u16 flags;
};

#define TCP_BARE_HEADER 0x50
#define TCP_RST_FLAG 0x04
#define TCP_ACK_FLAG 0x10

/* A reset that the packet's sender accepts for its connection. */
static __always_inline struct reset reset_for(const struct tcphdr *tcp, const struct packet *packet)
{
	__u32 payload = packet->length - (packet->transport - ETH_HLEN) - tcp->doff * 4;
	struct reset reset = {.flags = TCP_BARE_HEADER | TCP_RST_FLAG << 8};

	if (tcp->ack) {
		reset.sequence = tcp->ack_seq;
	} else {
		reset.acknowledgement = bpf_htonl(bpf_ntohl(tcp->seq) + payload + tcp->fin);
		reset.flags |= TCP_ACK_FLAG << 8;
	}
	return reset;
}

/* Writes the header, whose checksum covers it and the two addresses. */
static __always_inline void write_reset(struct tcphdr *tcp, const struct packet *packet, const struct reset *reset,
					__u64 addresses)
{
	tcp->source = packet->destination_port;
	tcp->dest = packet->source_port;
	tcp->seq = reset->sequence;
	tcp->ack_seq = reset->acknowledgement;
	*(__u16 *)((void *)tcp + 12) = reset->flags;
	tcp->window = 0;
	tcp->check = 0;
	tcp->urg_ptr = 0;
	tcp->check = ~fold_sum(addresses + sum_words(tcp, sizeof(*tcp) / 2) + bpf_htons(sizeof(*tcp)) +
			       bpf_htons(IPPROTO_TCP));
}

/*
 * Cuts the packet behind the TCP header that follows an IP header of a given size, and computes its reset. Returns the TCP
 * header; NULL if the packet is too short.
 */
static __always_inline struct tcphdr *cut_to_reset(struct xdp_md *ctx, const struct packet *packet, int ip_bytes,
						   struct reset *reset)
{
	struct tcphdr *tcp = packet_start(ctx) + ETH_HLEN + ip_bytes;

	if ((void *)(tcp + 1) > packet_end(ctx))
		return NULL;
	*reset = reset_for(tcp, packet);
	if (bpf_xdp_adjust_tail(ctx, ETH_HLEN + ip_bytes + (int)sizeof(*tcp) -
					     (int)(packet_end(ctx) - packet_start(ctx))))
		return NULL;
	tcp = packet_start(ctx) + ETH_HLEN + ip_bytes;
	return (void *)(tcp + 1) > packet_end(ctx) ? NULL : tcp;
}

static __always_inline int answer_reset4(struct xdp_md *ctx, const struct packet *packet)
{
	struct reset reset;
	struct iphdr *ip;
	struct tcphdr *tcp = cut_to_reset(ctx, packet, sizeof(*ip), &reset);

	if (!tcp)
		return XDP_DROP;
	ip = (void *)tcp - sizeof(*ip);
	ip->tot_len = bpf_htons(sizeof(*ip) + sizeof(*tcp));
	*(__u32 *)&ip->id = 0;
	ip->ttl = OUTER_TTL;
	ip->saddr = packet->destination[0];
	ip->daddr = packet->source[0];
	set_ip_checksum(ip);
	write_reset(tcp, packet, &reset, sum_words(&ip->saddr, 4));
	swap_macs((void *)ip - ETH_HLEN);
	return XDP_TX;
}

static __always_inline int answer_reset6(struct xdp_md *ctx, const struct packet *packet)
{
	struct reset reset;
	struct ipv6hdr *ip;
	struct tcphdr *tcp = cut_to_reset(ctx, packet, sizeof(*ip), &reset);

	if (!tcp)
		return XDP_DROP;
	ip = (void *)tcp - sizeof(*ip);
	ip->payload_len = bpf_htons(sizeof(*tcp));
	ip->hop_limit = OUTER_TTL;
	__builtin_memcpy(&ip->saddr, packet->destination, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, packet->source, sizeof(ip->daddr));
	write_reset(tcp, packet, &reset, sum_words(&ip->saddr, 16));
	swap_macs((void *)ip - ETH_HLEN);
	return XDP_TX;
}

/* Resets a packet's connection; the addresses and ports must be the packet's own. */
__noinline int answer_reset(struct xdp_md *ctx, __u32 id)
{
	const struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);

	if (!use_nat || !cpu)
		return XDP_DROP;
	return cpu->packet.ipv6 ? answer_reset6(ctx, &cpu->packet) : answer_reset4(ctx, &cpu->packet);
}
