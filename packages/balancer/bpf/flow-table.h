/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The reals of known flows. Each CPU has its own table: an array of buckets of 128 bytes, two neighbouring cache lines,
 * with room for six flows. A new flow replaces the least recently used of the six. So a lookup waits for memory once,
 * and there are no lists to maintain.
 */
#pragma once

#include "cpu.h"
#include "real.h"

enum flow_kind {
	FLOW_UDP = 1 << 0,
	FLOW_IPV6 = 1 << 1,
};

SHARE_ENUM(flow_kind);

/* Above a real's handle: a source route or a server id chose the real, which need not belong to the VIP. */
#define FLOW_RULE (1U << REAL_HANDLE_BITS)
/* Above that: the kind of flow. */
#define FLOW_KIND_SHIFT (REAL_HANDLE_BITS + 1)
#define FLOW_IDENTITY (~0U << FLOW_KIND_SHIFT)

/*
 * A flow's identity. `id` is both IPv4 addresses, or a hash of both IPv6 addresses with random multipliers, by which
 * two given flows are equal with probability 2^-64.
 */
struct flow {
	__u64 id;
	__u32 ports;
	__u32 kind; /* enum flow_kind << FLOW_KIND_SHIFT */
};

/* `real` is a real's handle with the flow's kind, 0 in a free place; `used` is a time of cpu_now(). */
struct flow_bucket {
	__u64 id[FLOW_WAYS];
	__u32 ports[FLOW_WAYS];
	__u32 real[FLOW_WAYS];
	__u32 used[FLOW_WAYS];
	__u32 reserved[2];
} SHARED;

/*
 * Flow tables by CPU number. User space sets the number of buckets and inserts the tables; a program fills its own
 * CPU's. Memory of mappable arrays begins at a page, so that buckets begin at a cache line.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_MMAPABLE);
			__type(key, __u32);
			__uint(value_size, sizeof(struct flow_bucket));
		});
} flow_tables SEC(".maps");

struct flow_ends {
	__u32 source[4]; /* network order */
	__u32 destination[4];
};

/* The addresses of a bucket's flows, as far as they are IPv6. */
struct flow_addresses {
	struct flow_ends ends[FLOW_WAYS];
} SHARED;

/*
 * Tables of addresses by CPU number, with an element for each bucket of the CPU's flow table. User space inserts them
 * once there is an IPv6 VIP, and reads them; a program fills its own CPU's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__type(key, __u32);
			__uint(value_size, sizeof(struct flow_addresses));
		});
} flow_addresses SEC(".maps");

struct fallback_flow {
	__u32 real;
	__u32 used;
};

/* Flows of CPUs without a table. Programs insert; the kernel deletes the least recently used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, struct fallback_flow);
} fallback_flows SEC(".maps");

/* Upper 32 bits of a sum whose terms have random multipliers. */
static __always_inline __u64 hash_addresses(const struct packet *packet, const volatile __u64 *secrets)
{
	__u64 sum = secrets[8];

#pragma unroll
	for (int i = 0; i < 4; i++)
		sum += packet->source[i] * secrets[i] + packet->destination[i] * secrets[4 + i];
	return sum >> 32;
}

static __always_inline void identify_flow(struct flow *flow, const struct packet *packet)
{
	__u64 kind = packet->protocol == IPPROTO_UDP ? FLOW_UDP : 0;

	flow->ports = packet->source_port | (__u32)packet->destination_port << 16;
	if (packet->ipv6) {
		kind |= FLOW_IPV6;
		flow->id = hash_addresses(packet, flow_secrets) << 32 | hash_addresses(packet, flow_secrets + 9);
	} else {
		flow->id = (__u64)packet->destination[0] << 32 | packet->source[0];
	}
	flow->kind = kind << FLOW_KIND_SHIFT;
}

/* Its upper half is the better one. */
static __always_inline __u64 hash_flow(const struct flow *flow)
{
	__u64 hash = (flow->id ^ flow_secrets[0]) * (flow_secrets[18] | 1);

	hash = ((hash ^ hash >> 32) + flow->ports) * (flow_secrets[19] | 1);
	hash ^= hash >> 29;
	return hash * (flow_secrets[18] | 1);
}

/* The place where a flow is remembered. */
struct place {
	struct flow flow;
	struct flow_bucket *bucket; /* NULL for the fallback */
	__u32 index; /* the bucket's */
	__u32 cpu;   /* whose table it is */
	__u32 now;
	__u32 reserved;
};

/* Finds the flow's bucket in a CPU's table, if the CPU has one. */
static __always_inline void find_bucket(struct place *place, __u32 cpu)
{
	const struct flow *flow = &place->flow;
	void *table = bpf_map_lookup_elem(&flow_tables, &cpu);
	if (!table)
		return;
	place->cpu = cpu;
	place->index = (hash_flow(flow) >> 32) * flow_buckets >> 32;
	place->bucket = bpf_map_lookup_elem(table, &place->index);
}

/* Signed, since clocks of CPUs, and that of a dry run, differ by a tick. */
static __always_inline bool is_idle(const struct flow *flow, __u32 now, __u32 used)
{
	__s32 age = now - used;

	return (flow->kind & (__u32)FLOW_UDP << FLOW_KIND_SHIFT) && age > (__s32)(udp_idle_ticks + touch_ticks);
}

static __always_inline bool is_at(const struct flow_bucket *bucket, int way, const struct flow *flow)
{
	return bucket->id[way] == flow->id && bucket->ports[way] == flow->ports &&
	       (bucket->real[way] & FLOW_IDENTITY) == flow->kind;
}

/* Returns the handle of the flow's real, with FLOW_RULE; 0 if the flow is unknown. `touch` marks the flow as used. */
static __noinline __u32 bucket_get(struct flow_bucket *bucket, const struct flow *flow, __u32 now, bool touch)
{
#pragma unroll
	for (int way = 0; way < FLOW_WAYS; way++) {
		if (!is_at(bucket, way, flow))
			continue;
		if (is_idle(flow, now, bucket->used[way]))
			return 0;
		/* Seldom, since a modified cache line must be written back. */
		if (touch && now - bucket->used[way] > touch_ticks)
			bucket->used[way] = now;
		return bucket->real[way] & ~FLOW_IDENTITY;
	}
	return 0;
}

/* Returns 1 for 0, else 0, without a branch, which would double the verifier's paths. */
static __always_inline __u64 is_zero(__u32 word)
{
	return ((__u64)word - 1) >> 63;
}

/* Returns 0 if a way holds the flow. */
static __always_inline __u32 difference(const struct flow_bucket *bucket, int way, const struct flow *flow)
{
	__u64 id = bucket->id[way] ^ flow->id;

	return id | id >> 32 | (bucket->ports[way] ^ flow->ports) |
	       ((bucket->real[way] & FLOW_IDENTITY) ^ flow->kind);
}

/*
 * `handle` may have FLOW_RULE. Writes to the flow's own way, else to a free one, else to the least recently used.
 * Returns the way.
 */
static __noinline __u32 bucket_put(struct flow_bucket *bucket, const struct flow *flow, __u32 handle, __u32 now)
{
	__u64 best = 0;
	__u32 way;

#pragma unroll
	for (int i = 0; i < FLOW_WAYS; i++) {
		__u64 rank = is_zero(difference(bucket, i, flow)) << 33 | is_zero(real_number(bucket->real[i])) << 32 |
			     (__u32)(now - bucket->used[i]);

		rank = rank << 3 | i;
		if (rank > best)
			best = rank;
	}
	way = best & 7;
	if (way >= FLOW_WAYS)
		return 0;
	bucket->id[way] = flow->id;
	bucket->ports[way] = flow->ports;
	bucket->real[way] = handle | flow->kind;
	bucket->used[way] = now;
	return way;
}

static __noinline int put_ends(struct flow_addresses *addresses, const struct packet *packet, __u32 way)
{
	struct flow_ends *ends;

	if (way >= FLOW_WAYS)
		return 0;
	ends = &addresses->ends[way];
	__builtin_memcpy(ends->source, packet->source, sizeof(ends->source));
	__builtin_memcpy(ends->destination, packet->destination, sizeof(ends->destination));
	return 0;
}

/* Keeps the addresses of an IPv6 flow for those who list flows: the bucket has only their hash. */
static __always_inline void note_addresses(const struct place *place, const struct packet *packet, __u32 way)
{
	__u32 cpu = place->cpu, index = place->index;
	void *table = bpf_map_lookup_elem(&flow_addresses, &cpu);
	struct flow_addresses *addresses = table ? bpf_map_lookup_elem(table, &index) : NULL;

	if (addresses)
		put_ends(addresses, packet, way);
}

static __noinline __u32 fallback_get(const struct flow *flow, __u32 now, bool touch)
{
	struct fallback_flow *known = bpf_map_lookup_elem(&fallback_flows, flow);

	if (!known || is_idle(flow, now, known->used))
		return 0;
	if (touch && now - known->used > touch_ticks)
		known->used = now;
	return known->real;
}

static __noinline int fallback_put(const struct flow *flow, __u32 handle, __u32 now)
{
	struct fallback_flow known = {.real = handle, .used = now};

	return bpf_map_update_elem(&fallback_flows, flow, &known, BPF_ANY);
}

static __always_inline __u32 recall_flow(const struct place *place, bool touch)
{
	if (place->bucket)
		return bucket_get(place->bucket, &place->flow, place->now, touch);
	return fallback_get(&place->flow, place->now, touch);
}

static __always_inline void remember_flow(const struct place *place, const struct packet *packet, __u32 handle)
{
	__u32 way;

	if (!place->bucket) {
		fallback_put(&place->flow, handle, place->now);
		return;
	}
	way = bucket_put(place->bucket, &place->flow, handle, place->now);
	if (packet->ipv6)
		note_addresses(place, packet, way);
}
