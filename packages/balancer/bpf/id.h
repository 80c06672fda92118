/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Numbers in packets that name the real: of QUIC connection ids, TCP options and stable UDP headers. */
#pragma once

#include "config.h"
#include "packet.h"

/* The names of reals by the id they put into packets. Filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} server_ids SEC(".maps");

/* The name of the real that has an id; 0 for none, and for id 0. */
static __always_inline __u32 real_by_id(__u32 id)
{
	const __u32 *name = id ? bpf_map_lookup_elem(&server_ids, &id) : NULL;

	return name ? *name : 0;
}

/* Largest offset of a transport header. */
#define LAST_TRANSPORT (ETH_HLEN + sizeof(struct ipv6hdr))

/* A packet's UDP payload, of which `bytes` bytes are there, or NULL. */
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
