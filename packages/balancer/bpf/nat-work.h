/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Data that the steps of a translation pass on. */
#pragma once

#include "nat-slot.h"

/* New source and destination of a packet; for an ICMP error, those of its flow's next packet. */
struct nat_tuple {
	__u64 source[2];
	__u64 destination[2];
	__u16 source_port;
	__u16 destination_port;
	__u32 reserved;
};

/* Neighbouring slots, in one of which a flow should lie. */
struct nat_bucket {
	__u32 first; /* index of the first slot */
	__u32 ways;  /* NAT_WAYS, or fewer in the last bucket of a kind */
	__u32 way;   /* the slot that is looked at first */
	__u32 reserved;
};

struct nat_work {
	struct nat_slot slot; /* copy of the flow's slot */
	struct nat_slot other;
	struct packet old; /* a packet of the slot's former flow */
	struct flow old_flow;
	struct flow flow;
	struct nat_bucket bucket;
	struct nat_tuple to;
	__u32 index; /* the slot's; NAT_NONE if there is none */
	__u32 stale; /* index of the flow's former slot, or NAT_NONE */
	/* The ports in the packet, which the choice of a real may set to 0. */
	__u16 source_port;
	__u16 destination_port;
	__u32 reserved;
};

/* Translation of each CPU's present packet, by CPU number, as `cpus`. User space sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_work);
} nat_works SEC(".maps");

static __always_inline struct nat_work *nat_work_of(__u32 id)
{
	return use_nat ? bpf_map_lookup_elem(&nat_works, &id) : NULL;
}

/* Begins with a packet. Returns false only to satisfy the verifier. */
static __always_inline bool begin_nat_work(__u32 id, const struct packet *packet)
{
	struct nat_work *work = nat_work_of(id);

	if (!work)
		return false;
	work->index = NAT_NONE;
	work->stale = NAT_NONE;
	work->source_port = packet->source_port;
	work->destination_port = packet->destination_port;
	return true;
}
