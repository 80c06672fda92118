/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The next hop towards reals of translated flows, from the host's routes and neighbours. */
#pragma once

#include "leave.h"
#include "nat-work.h"

/* The host's routes decide next hops; otherwise all reals are behind the router. */
const volatile bool use_routes = false;
/* Time for which an answer of the host counts; ticks of the clock in cpu.h. */
const volatile __u32 next_hop_ticks = 60;

#define FAMILY_IPV4 2
#define FAMILY_IPV6 10

/* MAC addresses in the order of an Ethernet header, in parts. */
struct next_hop {
	__u32 since; /* a time of cpu_now() */
	__u32 interface; /* 0 if nothing is known */
	__u32 destination_front;
	__u16 destination_back;
	__u16 source_front;
	__u32 source_back;
	__u32 reserved;
};

/* By number of the real. Programs write the host's answers, one CPU for all; user space sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct next_hop);
} next_hops SEC(".maps");

static __always_inline void write_macs(struct ethhdr *eth, const struct next_hop *hop)
{
	*(__u32 *)eth->h_dest = hop->destination_front;
	*(__u16 *)(eth->h_dest + 4) = hop->destination_back;
	*(__u16 *)eth->h_source = hop->source_front;
	*(__u32 *)(eth->h_source + 2) = hop->source_back;
}

/* Asks the host. False if it has no route, or does not know the neighbour. */
static __always_inline bool ask_for_hop(struct xdp_md *ctx, const struct packet *packet, const struct nat_tuple *to,
				   struct next_hop *hop)
{
	struct bpf_fib_lookup asked = {
		.family = packet->ipv6 ? FAMILY_IPV6 : FAMILY_IPV4,
		.l4_protocol = packet->protocol,
		.ifindex = ctx->ingress_ifindex,
	};

	if (packet->ipv6) {
		__builtin_memcpy(asked.ipv6_src, to->source, sizeof(asked.ipv6_src));
		__builtin_memcpy(asked.ipv6_dst, to->destination, sizeof(asked.ipv6_dst));
	} else {
		asked.ipv4_src = to->source[0];
		asked.ipv4_dst = to->destination[0];
	}
	if (bpf_fib_lookup(ctx, &asked, sizeof(asked), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return false;
	hop->interface = asked.ifindex;
	__builtin_memcpy(&hop->destination_front, asked.dmac, 4);
	__builtin_memcpy(&hop->destination_back, asked.dmac + 4, 2);
	__builtin_memcpy(&hop->source_front, asked.smac, 2);
	__builtin_memcpy(&hop->source_back, asked.smac + 2, 4);
	return true;
}

/* The router as next hop, from the device that leads to it: if that is the packet's, from the address to which it came. */
static __always_inline void hop_by_router(const struct xdp_md *ctx, const struct ethhdr *eth, struct next_hop *hop)
{
	hop->interface = router_device(ctx);
	hop->destination_front = router_mac_front;
	hop->destination_back = router_mac_back;
	if (use_router_device) {
		hop->source_front = router_source_front;
		hop->source_back = router_source_back;
		return;
	}
	__builtin_memcpy(&hop->source_front, eth->h_dest, 2);
	__builtin_memcpy(&hop->source_back, eth->h_dest + 2, 4);
}

/* Sends a packet to a real, whose address is nat_work.to.destination. */
__noinline int send_to_real(struct xdp_md *ctx, __u32 id, __u32 number)
{
	struct next_hop *known = bpf_map_lookup_elem(&next_hops, &number);
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);
	const struct nat_work *work = nat_work_of(id);
	struct ethhdr *eth = packet_start(ctx);
	struct next_hop hop = {};

	if (!cpu || !work || (void *)(eth + 1) > packet_end(ctx))
		return XDP_DROP;
	if (!use_routes || !known) {
		hop_by_router(ctx, eth, &hop);
	} else if (known->interface && cpu->now - known->since <= next_hop_ticks) {
		hop = *known;
	} else if (ask_for_hop(ctx, &cpu->packet, &work->to, &hop)) {
		hop.since = cpu->now;
		*known = hop;
	} else {
		count(&cpu->counters.nat_no_next_hop);
		hop_by_router(ctx, eth, &hop);
	}
	write_macs(eth, &hop);
	return send_by(ctx, hop.interface);
}
