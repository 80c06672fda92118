/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Server ids, which name the real: in QUIC connection ids, TCP options and stable UDP headers. */
#pragma once

#include "config.h"
#include "limits.h"
#include "packet.h"

/*
 * Handles of reals by server id: a hash table in an array, as vip_slots, whose size is a power of two. User space fills
 * it in mapped memory. A slot is one word, so that it changes at once: the id in the lower half, the real's handle in
 * the upper one, which is 0 for a removed id. A slot of 0 ends a search.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} id_slots SEC(".maps");

static __always_inline __u64 id_slot(__u32 index)
{
	const __u64 *slot;

	index &= id_mask;
	slot = bpf_map_lookup_elem(&id_slots, &index);
	return slot ? *(const volatile __u64 *)slot : 0;
}

__noinline __u32 find_id(__u32 id, __u32 index)
{
	for (__u32 i = 1; i < ID_PROBES; i++) {
		__u64 slot = id_slot(index + i);

		if (!slot || (__u32)slot == id)
			return slot >> 32;
	}
	return 0;
}

/* The handle of the real with an id; 0 if there is none, and for id 0. */
static __always_inline __u32 real_by_id(__u32 id)
{
	__u32 index = (__u64)id * 0x9e3779b97f4a7c15 >> ID_HASH_SHIFT;
	__u64 slot;

	if (!id)
		return 0;
	slot = id_slot(index);
	return !slot || (__u32)slot == id ? slot >> 32 : find_id(id, index);
}

/* Largest offset of a transport header. */
#define LAST_TRANSPORT (ETH_HLEN + sizeof(struct ipv6hdr))

/* A packet's UDP payload if it has at least `bytes` bytes, else NULL. */
static __always_inline const __u8 *udp_payload(const struct xdp_md *ctx, const struct packet *packet, __u32 bytes)
{
	__u64 offset = packet->transport;
	const __u8 *payload;

	if (offset > LAST_TRANSPORT)
		return NULL;
	payload = packet_start(ctx) + offset + sizeof(struct udphdr);
	if ((void *)(payload + bytes) > packet_end(ctx) ||
	    packet->length < offset - ETH_HLEN + sizeof(struct udphdr) + bytes)
		return NULL;
	return payload;
}
