/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the steps of a translation hand on. */
#pragma once

#include "nat-slot.h"

/* What a packet's source and destination are to be; of an ICMP error, what those of its flow's next packet would be. */
struct nat_tuple {
	__u64 source[2];
	__u64 destination[2];
	__u16 source_port;
	__u16 destination_port;
	__u32 reserved;
};

struct nat_work {
	struct nat_slot slot; /* a copy of the flow's */
	struct nat_slot other;
	struct packet old; /* one of the flow that a slot had before */
	struct flow flow;
	struct nat_tuple to;
	__u32 index; /* of the slot; NAT_NONE if there is none */
	__u32 stale; /* of a slot that was the flow's and is so no more, or NAT_NONE */
	/* As they are in the packet, where the choice of a real may take them for 0. */
	__u16 source_port;
	__u16 destination_port;
	__u32 reserved;
};

/* The packet that a CPU is at, by CPU number, as `cpus`. User space sets max_entries. */
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

/* Begins with a packet. False never, but for the verifier. */
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
