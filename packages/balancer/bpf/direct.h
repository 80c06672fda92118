/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Direct routing: a packet goes to a real on the same network as it is, under the real's MAC address. */
#pragma once

#include "next-hop.h"

/* A real's place on the network; MAC addresses in the order of an Ethernet header, in parts. */
struct direct_hop {
	__u32 interface; /* 0 if the real's MAC address is not known */
	__u32 destination_front;
	__u16 destination_back;
	__u16 source_front;
	__u32 source_back;
};

/* By number of the real. User space writes, and sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct direct_hop);
} direct_hops SEC(".maps");

/* Sends a packet to a real. XDP_DROP if its MAC address is not known. */
__noinline int send_direct(struct xdp_md *ctx, __u32 number)
{
	const struct direct_hop *real = bpf_map_lookup_elem(&direct_hops, &number);
	struct ethhdr *eth = packet_start(ctx);
	struct next_hop hop = {};

	if (!real || !real->interface || (void *)(eth + 1) > packet_end(ctx))
		return XDP_DROP;
	hop.destination_front = real->destination_front;
	hop.destination_back = real->destination_back;
	hop.source_front = real->source_front;
	hop.source_back = real->source_back;
	write_macs(eth, &hop);
	return send_by(ctx, real->interface);
}
