/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Creation, lookup and removal of translated flows. */
#pragma once

#include "nat-work.h"

/* A new flow examines this many slots, in groups at random places: neighbours share pages and prefetches. */
#define NAT_PROBES 64
#define NAT_PROBE_GROUP 4

static __always_inline bool is_client_of(const struct nat_slot *slot, const struct packet *packet)
{
	return slot->client[0] == packet->source_halves[0] && slot->client_port == packet->source_port &&
	       slot->client[1] == packet->source_halves[1] && slot->vip[0] == packet->destination_halves[0] &&
	       slot->vip[1] == packet->destination_halves[1] && slot->vip_port == packet->destination_port &&
	       !slot->superseded;
}

/* The bucket in which a flow's slot lies, unless all others of the bucket were in use. */
static __always_inline void find_nat_bucket(struct nat_bucket *bucket, const struct flow *flow, __u32 kind)
{
	__u32 count = nat_slot_count[kind & 3];
	__u64 hash = hash_flow(flow) >> 32;
	__u32 at = (hash * ((count + NAT_WAYS - 1) / NAT_WAYS) >> 32) * NAT_WAYS;

	bucket->first = nat_first_slot[kind & 3] + at;
	bucket->ways = count - at < NAT_WAYS ? count - at : NAT_WAYS;
	bucket->way = hash & (NAT_WAYS - 1);
}

/* The first slot of a slot's bucket. */
static __always_inline __u32 nat_bucket_of(__u32 index, __u32 kind)
{
	__u32 first = nat_first_slot[kind & 3];

	return first + ((index - first) & ~(NAT_WAYS - 1));
}

/* The slot of a client's flow in the flow's bucket; NAT_NONE if it is not there. */
static __always_inline __u32 find_in_nat_bucket(const struct nat_bucket *bucket, const struct packet *packet)
{
#pragma unroll
	for (__u32 i = 0; i < NAT_WAYS; i++) {
		__u32 way = bucket->way ^ i;
		const struct nat_slot *slot = way < bucket->ways ? nat_slot_at(bucket->first + way) : NULL;

		if (slot && is_client_of(slot, packet))
			return bucket->first + way;
	}
	return NAT_NONE;
}

/* Finds the slot of a client's flow and copies it. Returns its index; NAT_NONE if there is none. */
static __noinline __u32 find_nat_client(const struct packet *packet, struct nat_slot *copy, __u32 now)
{
	struct nat_bucket bucket;
	struct nat_slot *slot;
	struct flow flow = {};
	const __u32 *known;
	__u32 index;

	identify_flow(&flow, packet);
	find_nat_bucket(&bucket, &flow, nat_kind(packet));
	index = find_in_nat_bucket(&bucket, packet);
	if (index == NAT_NONE) {
		known = bpf_map_lookup_elem(&nat_clients, &flow);
		if (!known)
			return NAT_NONE;
		index = *known;
	}
	slot = nat_slot_at(index);
	if (!slot || !read_nat_slot(slot, copy) || nat_is_over(copy, nat_kind(packet), now) ||
	    !is_client_of(copy, packet))
		return NAT_NONE;
	return index;
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
	__u32 number = own * nat_ports_inverse >> 48;

	*port = bpf_htons(nat_first_port + own - number * nat_ports);
	if (kind & FLOW_IPV6)
		number += nat_slot_count[0] * nat_ports_inverse >> 48;
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
	identify_flow(&work->old_flow, &work->old);
	known = bpf_map_lookup_elem(&nat_clients, &work->old_flow);
	if (known && *known == index)
		bpf_map_delete_elem(&nat_clients, &work->old_flow);
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

/* Attempts at a bucket in which another CPU begins a flow, which takes less than a microsecond. */
#define NAT_CLAIM_TRIES 64
/* Attempts at a slot in another bucket. */
#define NAT_TRIES 2

/* Claims a bucket for this CPU alone: by an entry in nat_claims, which release_nat_bucket() deletes. */
__noinline int claim_nat_bucket(__u32 first, __u32 tries)
{
	__u32 one = 1;

	for (__u32 i = 0; i < NAT_CLAIM_TRIES && i < tries; i++) {
		if (!bpf_map_update_elem(&nat_claims, &first, &one, BPF_NOEXIST))
			return true;
	}
	return false;
}

static __always_inline void release_nat_bucket(__u32 first)
{
	asm volatile("" ::: "memory");
	bpf_map_delete_elem(&nat_claims, &first);
}

/*
 * Finds a free slot for a new flow in the flow's bucket, which this CPU has claimed; NAT_NONE if there is none. A slot of
 * the client's former flow keeps its port, on which replies may be on their way, but no longer counts for the client.
 */
static __always_inline __u32 choose_in_nat_bucket(const struct nat_bucket *bucket, const struct packet *packet,
						  __u32 now)
{
	__u32 free = NAT_NONE;

	for (__u32 i = 0; i < NAT_WAYS; i++) {
		__u32 way = bucket->way ^ i, index = bucket->first + way;
		struct nat_slot *slot = way < bucket->ways ? nat_slot_at(index) : NULL;

		if (!slot)
			continue;
		if (is_client_of(slot, packet))
			slot->superseded = true;
		if (free == NAT_NONE && nat_readiness(index, nat_kind(packet), now) == NAT_FREE)
			free = index;
	}
	return free;
}

/* Assigns a slot in a claimed bucket to the flow of work->slot: the slot's version is odd meanwhile. */
__noinline int fill_nat_slot(__u32 id, __u32 index, __u32 kind)
{
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);
	struct nat_work *work = nat_work_of(id);
	struct nat_slot *slot = nat_slot_at(index);

	if (!cpu || !work || !slot)
		return 0;
	slot->version++;
	if (slot->real) {
		forget_nat_client(id, index, kind);
		count(nat_is_over(slot, kind, cpu->now) ? &cpu->counters.nat_expired : &cpu->counters.nat_yielded);
	}
	work->slot.version = slot->version;
	*slot = work->slot;
	asm volatile("" ::: "memory");
	slot->version++;
	work->index = index;
	return 0;
}

/* Inserts the entry by which the client's packets find a slot outside their bucket. Without it, the slot is free again. */
static __always_inline void enter_nat_client(struct nat_work *work)
{
	__u32 index = work->index;
	struct nat_slot *slot = nat_slot_at(index);

	if (!slot || !bpf_map_update_elem(&nat_clients, &work->flow, &index, BPF_ANY))
		return;
	slot->real = 0;
	work->index = NAT_NONE;
}

/*
 * Finds a slot in another bucket for a new flow whose own bucket, which this CPU has claimed, is full. Claims that bucket,
 * too. Returns the slot's index, or NAT_NONE.
 */
__noinline __u32 choose_elsewhere(__u32 own, __u32 kind, __u32 now)
{
	for (int i = 0; i < NAT_TRIES; i++) {
		__u32 index = look_for_nat_slot(kind, now);
		__u32 bucket = nat_bucket_of(index, kind);

		if (index == NAT_NONE)
			return NAT_NONE;
		if (bucket != own && !claim_nat_bucket(bucket, 1))
			continue;
		/* Another CPU may have taken the slot and released its claim before. */
		if (nat_readiness(index, kind, now) != NAT_TAKEN)
			return index;
		if (bucket != own)
			release_nat_bucket(bucket);
	}
	return NAT_NONE;
}

static __always_inline void place_elsewhere(__u32 id, __u32 kind, __u32 now, struct nat_work *work)
{
	__u32 own = work->bucket.first, index = choose_elsewhere(own, kind, now), bucket;

	if (index == NAT_NONE)
		return;
	fill_nat_slot(id, index, kind);
	enter_nat_client(work);
	bucket = nat_bucket_of(index, kind);
	if (bucket != own)
		release_nat_bucket(bucket);
}

/*
 * Assigns a slot to a new flow whose bucket this CPU has claimed, so that no other CPU begins the same flow. If one just
 * has, copies its slot. work->stale is the flow's former slot, which does not count.
 */
static __always_inline void place_nat_flow(struct cpu *cpu, __u32 id, struct nat_work *work)
{
	const struct packet *packet = &cpu->packet;
	__u32 kind = nat_kind(packet);
	__u32 index = find_nat_client(packet, &work->other, cpu->now);

	if (index != NAT_NONE && index != work->stale) {
		work->slot = work->other;
		work->index = index;
		return;
	}
	index = choose_in_nat_bucket(&work->bucket, packet, cpu->now);
	if (index == NAT_NONE) {
		place_elsewhere(id, kind, cpu->now, work);
	} else {
		if (work->stale != NAT_NONE)
			bpf_map_delete_elem(&nat_clients, &work->flow);
		fill_nat_slot(id, index, kind);
	}
	if (work->index != NAT_NONE)
		count(&cpu->counters.nat_created);
}

/* Assigns a slot to a new flow and copies it into work->slot. False if no port is free. */
static __always_inline bool begin_nat_flow(struct cpu *cpu, __u32 id, struct nat_work *work)
{
	work->index = NAT_NONE;
	identify_flow(&work->flow, &cpu->packet);
	find_nat_bucket(&work->bucket, &work->flow, nat_kind(&cpu->packet));
	if (work->bucket.ways && claim_nat_bucket(work->bucket.first, NAT_CLAIM_TRIES)) {
		place_nat_flow(cpu, id, work);
		release_nat_bucket(work->bucket.first);
	}
	if (work->index != NAT_NONE)
		return true;
	count(&cpu->counters.nat_exhausted);
	return false;
}
