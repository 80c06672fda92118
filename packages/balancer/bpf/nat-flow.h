/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Creation, lookup and removal of translated flows. */
#pragma once

#include "nat-work.h"

/* A new flow examines this many slots, in groups at random places: neighbours share pages and prefetches. */
#define NAT_PROBES 64
#define NAT_PROBE_GROUP 4

/* Finds the slot of a client's flow and copies it. Returns its index; NAT_NONE if there is none. */
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

/* Finds the slot of a packet to the balancer's own address. Returns its index; NAT_NONE if there is none. */
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

/* Address and port of the balancer's side of a slot's flow. */
static __always_inline const struct nat_address *nat_source(__u32 index, __u32 kind, __u16 *port)
{
	__u32 own = index - nat_first_slot[kind & 3];
	__u32 number = own / nat_ports;

	*port = bpf_htons(nat_first_port + own % nat_ports);
	if (kind & FLOW_IPV6)
		number += nat_slot_count[0] / nat_ports;
	return bpf_map_lookup_elem(&nat_addresses, &number);
}

/* Removes the entry by which the last flow's packets found a slot. */
__noinline int forget_nat_client(__u32 id, __u32 index, __u32 kind)
{
	const struct nat_slot *slot = nat_slot_at(index);
	struct nat_work *work = nat_work_of(id);
	const __u32 *known;

	if (!slot || !work)
		return 0;
	work->old.source_halves[0] = slot->client[0];
	work->old.source_halves[1] = slot->client[1];
	work->old.destination_halves[0] = slot->vip[0];
	work->old.destination_halves[1] = slot->vip[1];
	work->old.source_port = slot->client_port;
	work->old.destination_port = slot->vip_port;
	work->old.protocol = kind & FLOW_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	work->old.ipv6 = kind & FLOW_IPV6;
	identify_flow(&work->flow, &work->old);
	known = bpf_map_lookup_elem(&nat_clients, &work->flow);
	if (known && *known == index)
		bpf_map_delete_elem(&nat_clients, &work->flow);
	return 0;
}

enum nat_readiness {
	NAT_TAKEN,
	NAT_YIELDS,
	NAT_FREE,
};

/* Whether a new flow can take a slot. */
static __always_inline __u32 nat_readiness(__u32 index, __u32 kind, __u32 now)
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

/* The best slot of a group for a new flow: its index, with its readiness in the upper half. */
__noinline __u64 look_at_nat_group(__u32 at, __u32 kind, __u32 now)
{
	__u32 first = nat_first_slot[kind & 3], count = nat_slot_count[kind & 3];
	__u64 best = 0;

	for (__u32 i = 0; i < NAT_PROBE_GROUP; i++) {
		__u64 slot = (__u64)nat_readiness(first + at, kind, now) << 32 | (first + at);

		if (slot > best)
			best = slot;
		if (++at >= count)
			at = 0;
	}
	return best;
}

/* Finds a free slot for a new flow, else one that yields, else NAT_NONE. */
static __always_inline __u32 look_for_nat_slot(__u32 kind, __u32 now)
{
	__u32 count = nat_slot_count[kind & 3];
	__u64 best = 0;

	if (!count)
		return NAT_NONE;
	for (__u32 i = 0; i < NAT_PROBES / NAT_PROBE_GROUP; i++) {
		__u32 at = (__u64)bpf_get_prandom_u32() * count >> 32;
		__u64 slot = look_at_nat_group(at, kind, now);

		if (slot > best)
			best = slot;
		if (best >> 32 == NAT_FREE)
			break;
	}
	return best >> 32 == NAT_TAKEN ? NAT_NONE : (__u32)best;
}

#define NAT_TRIES 2

/*
 * Claims a slot for this CPU alone: by an odd version, and an entry in nat_claims, which release_nat_slot() deletes.
 * Returns its index, or NAT_NONE.
 */
__noinline __u32 claim_nat_slot(__u32 id, __u32 kind, __u32 now)
{
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);

	for (int i = 0; cpu && i < NAT_TRIES; i++) {
		__u32 index = look_for_nat_slot(kind, now), one = 1;
		struct nat_slot *slot = nat_slot_at(index);

		if (!slot)
			return NAT_NONE;
		if (bpf_map_update_elem(&nat_claims, &index, &one, BPF_NOEXIST))
			continue;
		/* Another CPU may have taken the slot and released its claim before. */
		if (nat_readiness(index, kind, now) != NAT_TAKEN) {
			slot->version++;
			if (slot->real) {
				forget_nat_client(id, index, kind);
				count(nat_is_over(slot, kind, now) ? &cpu->counters.nat_expired :
								     &cpu->counters.nat_yielded);
			}
			return index;
		}
		bpf_map_delete_elem(&nat_claims, &index);
	}
	return NAT_NONE;
}

static __always_inline void release_nat_slot(struct nat_slot *slot, const __u32 *index)
{
	asm volatile("" ::: "memory");
	slot->version++;
	bpf_map_delete_elem(&nat_claims, index);
}

/*
 * Inserts the entry by which the client's packets find a slot. Returns the slot's index, or that of the slot which
 * another CPU has just assigned to the same flow and which is copied then, or NAT_NONE. work->stale is the flow's
 * former slot, which does not count.
 */
static __always_inline __u32 enter_nat_client(const struct packet *packet, struct nat_work *work, __u32 index, __u32 now)
{
	__u32 others;

	identify_flow(&work->flow, packet);
	if (!bpf_map_update_elem(&nat_clients, &work->flow, &index, BPF_NOEXIST))
		return index;
	others = find_nat_client(packet, &work->other, now);
	if (others != NAT_NONE && others != work->stale) {
		work->slot = work->other;
		return others;
	}
	return bpf_map_update_elem(&nat_clients, &work->flow, &index, BPF_ANY) ? NAT_NONE : index;
}

/* Assigns a slot to a new flow and copies work->slot into it. False if no port is free. */
static __always_inline bool begin_nat_flow(struct cpu *cpu, __u32 id, struct nat_work *work)
{
	__u32 index = claim_nat_slot(id, nat_kind(&cpu->packet), cpu->now);
	struct nat_slot *slot = nat_slot_at(index);

	work->index = NAT_NONE;
	if (slot) {
		work->slot.version = slot->version;
		*slot = work->slot;
		work->index = enter_nat_client(&cpu->packet, work, index, cpu->now);
		if (work->index != index)
			slot->real = 0;
		release_nat_slot(slot, &index);
	}
	if (work->index == NAT_NONE) {
		count(&cpu->counters.nat_exhausted);
		return false;
	}
	if (work->index == index)
		count(&cpu->counters.nat_created);
	return true;
}
