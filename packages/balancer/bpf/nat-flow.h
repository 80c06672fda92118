/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Beginning, finding and ending of translated flows. */
#pragma once

#include "nat-slot.h"

#define NAT_NONE 0xffffffff

/* A new flow looks at so many slots, in groups that begin at random: neighbours share pages and prefetches. */
#define NAT_PROBES 64
#define NAT_PROBE_GROUP 4

/* Index of the slot of a client's flow, which is copied; NAT_NONE if there is none. */
static __noinline __u32 find_nat_client(const struct packet *packet, struct nat_slot *copy, __u32 now)
{
	struct nat_slot *slot;
	struct flow flow = {};
	const __u32 *index;

	identify_flow(&flow, packet);
	index = bpf_map_lookup_elem(&nat_clients, &flow);
	if (!index)
		return NAT_NONE;
	slot = nat_slot_at(*index);
	if (!slot || !read_nat_slot(slot, copy) || nat_is_over(copy, nat_kind(packet), now))
		return NAT_NONE;
	if (copy->client[0] != packet->source_halves[0] || copy->client[1] != packet->source_halves[1] ||
	    copy->vip[0] != packet->destination_halves[0] || copy->vip[1] != packet->destination_halves[1] ||
	    copy->client_port != packet->source_port || copy->vip_port != packet->destination_port)
		return NAT_NONE;
	return *index;
}

/* Index of the slot that a packet to the balancer's own address is for; NAT_NONE if it can't be a translated flow's. */
static __noinline __u32 find_nat_reply(const struct packet *packet, struct nat_slot *copy, __u32 now)
{
	struct nat_address address = {.ipv6 = packet->ipv6};
	__u32 port = bpf_ntohs(packet->destination_port) - nat_first_port;
	__u32 kind = nat_kind(packet);
	struct nat_slot *slot;
	const __u32 *number;
	__u32 index;

	if (port >= nat_ports)
		return NAT_NONE;
	__builtin_memcpy(address.address, packet->destination, sizeof(address.address));
	number = bpf_map_lookup_elem(&nat_address_numbers, &address);
	if (!number)
		return NAT_NONE;
	index = nat_first_slot[kind & 3] + *number * nat_ports + port;
	slot = nat_slot_at(index);
	if (!slot || !read_nat_slot(slot, copy) || nat_is_over(copy, kind, now))
		return NAT_NONE;
	return copy->real_port == packet->source_port ? index : NAT_NONE;
}

/* What the balancer's side of a slot's flow is called: number of its address in nat_addresses, and port. */
static __always_inline const struct nat_address *nat_source(__u32 index, __u32 kind, __u16 *port)
{
	__u32 own = index - nat_first_slot[kind & 3];
	__u32 number = own / nat_ports;

	*port = bpf_htons(nat_first_port + own % nat_ports);
	if (kind & FLOW_IPV6)
		number += nat_slot_count[0] / nat_ports;
	return bpf_map_lookup_elem(&nat_addresses, &number);
}

/* Clients' packets no longer find a slot by what its last flow was called. */
static __noinline int forget_nat_client(const struct nat_slot *slot, __u32 index, __u32 kind)
{
	struct packet packet = {
		.source_halves = {slot->client[0], slot->client[1]},
		.destination_halves = {slot->vip[0], slot->vip[1]},
		.source_port = slot->client_port,
		.destination_port = slot->vip_port,
		.protocol = kind & FLOW_UDP ? IPPROTO_UDP : IPPROTO_TCP,
		.ipv6 = kind & FLOW_IPV6,
	};
	struct flow flow = {};
	const __u32 *known;

	identify_flow(&flow, &packet);
	known = bpf_map_lookup_elem(&nat_clients, &flow);
	if (known && *known == index)
		bpf_map_delete_elem(&nat_clients, &flow);
	return 0;
}

enum nat_readiness {
	NAT_TAKEN,
	NAT_YIELDS,
	NAT_FREE,
};

/* Whether a new flow can have a slot. Not static, so that the verifier looks at it once and not for every probe. */
__noinline __u32 nat_readiness(__u32 index, __u32 kind, __u32 now)
{
	const struct nat_slot *slot = nat_slot_at(index);

	if (!slot || (slot->version & 1))
		return NAT_TAKEN;
	if (!slot->real || nat_is_over(slot, kind, now))
		return NAT_FREE;
	if (!(kind & FLOW_UDP) && nat_idle_ticks(slot, now) > nat_yield_ticks &&
	    (nat_is_closed(slot) || !slot->from_real))
		return NAT_YIELDS;
	return NAT_TAKEN;
}

/* A slot for a new flow, else one that can be had before its time, else NAT_NONE. */
__noinline __u32 look_for_nat_slot(__u32 kind, __u32 now)
{
	__u32 first = nat_first_slot[kind & 3], count = nat_slot_count[kind & 3];
	__u32 yielding = NAT_NONE, at = 0;

	if (!count)
		return NAT_NONE;
	for (__u32 i = 0; i < NAT_PROBES; i++) {
		__u32 readiness;

		if (i % NAT_PROBE_GROUP == 0)
			at = (__u64)bpf_get_prandom_u32() * count >> 32;
		else if (++at >= count)
			at = 0;
		readiness = nat_readiness(first + at, kind, now);
		if (readiness == NAT_FREE)
			return first + at;
		if (readiness == NAT_YIELDS)
			yielding = first + at;
	}
	return yielding;
}

#define NAT_TRIES 4

/* Makes a slot this CPU's alone: odd version, and an entry in nat_claims, which release_nat_slot() deletes. */
static __noinline struct nat_slot *claim_nat_slot(struct cpu *cpu, __u32 kind, __u32 now, __u32 *index)
{
	for (int i = 0; i < NAT_TRIES; i++) {
		struct nat_slot *slot;
		__u32 one = 1;

		*index = look_for_nat_slot(kind, now);
		if (*index == NAT_NONE)
			return NULL;
		if (bpf_map_update_elem(&nat_claims, index, &one, BPF_NOEXIST))
			continue;
		slot = nat_slot_at(*index);
		/* Another CPU may have been faster, and be done. */
		if (slot && nat_readiness(*index, kind, now) != NAT_TAKEN) {
			slot->version++;
			if (slot->real) {
				forget_nat_client(slot, *index, kind);
				count(nat_is_over(slot, kind, now) ? &cpu->counters.nat_expired :
								     &cpu->counters.nat_yielded);
			}
			return slot;
		}
		bpf_map_delete_elem(&nat_claims, index);
	}
	return NULL;
}

static __always_inline void release_nat_slot(struct nat_slot *slot, const __u32 *index)
{
	asm volatile("" ::: "memory");
	slot->version++;
	bpf_map_delete_elem(&nat_claims, index);
}

/* Gives a slot back whose flow did not come about. */
static __always_inline void return_nat_slot(struct nat_slot *slot, const __u32 *index)
{
	slot->real = 0;
	release_nat_slot(slot, index);
}

/*
 * Gives a new flow a slot; `stale` is the one that it had and must not have any more, or NAT_NONE. `fresh` is what is to be
 * in it, and afterwards what is in it: another CPU may just have begun the same flow. Returns the index; NAT_NONE if no
 * port is to be had.
 */
static __noinline __u32 begin_nat_flow(struct cpu *cpu, const struct packet *packet, struct nat_slot *fresh, __u32 now,
				       __u32 stale)
{
	__u32 index = NAT_NONE, others;
	struct nat_slot *slot = claim_nat_slot(cpu, nat_kind(packet), now, &index);
	struct flow flow = {};

	if (!slot) {
		count(&cpu->counters.nat_exhausted);
		return NAT_NONE;
	}
	fresh->version = slot->version;
	*slot = *fresh;
	identify_flow(&flow, packet);
	if (bpf_map_update_elem(&nat_clients, &flow, &index, BPF_NOEXIST)) {
		others = find_nat_client(packet, fresh, now);
		if (others != NAT_NONE && others != stale) {
			return_nat_slot(slot, &index);
			return others;
		}
		if (bpf_map_update_elem(&nat_clients, &flow, &index, BPF_ANY)) {
			return_nat_slot(slot, &index);
			count(&cpu->counters.nat_exhausted);
			return NAT_NONE;
		}
		*fresh = *slot;
	}
	release_nat_slot(slot, &index);
	count(&cpu->counters.nat_created);
	return index;
}
