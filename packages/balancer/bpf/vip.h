/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Virtual services, and which of them a packet is for. */
#pragma once

#include "config.h"
#include "limits.h"
#include "packet.h"

enum vip_flag {
	/* The source port counts as 0. */
	VIP_NO_SOURCE_PORT = 1 << 0,
	/* Flows are not remembered. */
	VIP_NO_FLOW_TABLE = 1 << 1,
	VIP_QUIC = 1 << 2,
	/* Only the destination port decides. */
	VIP_HASH_DESTINATION_PORT = 1 << 3,
	VIP_SOURCE_ROUTING = 1 << 4,
	/* Delivered to this host. */
	VIP_LOCAL = 1 << 5,
	VIP_GLOBAL_FLOWS = 1 << 6,
	/* The destination port counts, too, where the VIP is for all ports. */
	VIP_HASH_BOTH_PORTS = 1 << 7,
	VIP_STABLE_UDP = 1 << 8,
	/* UDP flows leave a real that is down. */
	VIP_UDP_MIGRATION = 1 << 9,
};

/* All that a packet needs to know of its VIP. */
struct vip {
	enum vip_flag flags;
	__u32 reserved;
	/* A bit for each real that belongs to it, by number, with or without weight. */
	__u64 members[MAX_REALS / 64];
	/* A bit for each real that UDP flows leave. */
	__u64 down[MAX_REALS / 64];
	/* Numbers of reals; 0 is nobody. */
	__u16 ring[RING_SIZE];
	__u16 padding[3];
} SHARED;

/*
 * By the VIP's number. User space never changes a VIP in use: it fills a new one and puts it in the old one's place, so
 * that a packet sees the one or the other.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_VIPS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__type(key, __u32);
			__uint(value_size, sizeof(struct vip));
		});
} vips SEC(".maps");

struct vip_key {
	__u32 address[4];
	__u16 port; /* network order; 0 for all */
	__u8 protocol;
	__u8 ipv6;
};

/* prefix_bits counts the 32 bits before the address, too. */
struct vip_prefix {
	__u32 prefix_bits;
	__u16 port;
	__u8 protocol;
	__u8 ipv6;
	__u32 address[4];
};

struct address_prefix {
	__u32 prefix_bits;
	__u32 ipv6;
	__u32 address[4];
};

/* Numbers of the VIPs that have a single address. Filled by user space, like the two below. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_VIPS);
	__type(key, struct vip_key);
	__type(value, __u32);
} vip_numbers SEC(".maps");

/* Numbers of the VIPs that have a prefix. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_VIPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct vip_prefix);
	__type(value, __u32);
} vip_prefixes SEC(".maps");

/* Addresses of all VIPs, whatever their ports: for packets that have none. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_VIPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address_prefix);
	__type(value, __u32);
} vip_addresses SEC(".maps");

static __always_inline struct vip *vip_by_number(__u32 number)
{
	void *inner = bpf_map_lookup_elem(&vips, &number);
	__u32 zero = 0;

	return inner ? bpf_map_lookup_elem(inner, &zero) : NULL;
}

static __always_inline const __u32 *vip_by_prefix(const struct vip_key *key)
{
	struct vip_prefix prefix = {
		.prefix_bits = key->ipv6 ? 160 : 64,
		.port = key->port,
		.protocol = key->protocol,
		.ipv6 = key->ipv6,
	};

	if (!(vip_kinds & VIPS_WITH_PREFIX))
		return NULL;
	__builtin_memcpy(prefix.address, key->address, sizeof(prefix.address));
	return bpf_map_lookup_elem(&vip_prefixes, &prefix);
}

/* The VIP for all ports of an address. */
static __noinline const __u32 *vip_of_any_port(struct vip_key *key)
{
	const __u32 *number;

	key->port = 0;
	number = bpf_map_lookup_elem(&vip_numbers, key);
	return number ?: vip_by_prefix(key);
}

/* The number of a packet's VIP, or NULL. `any_port` says whether it was found by its address alone. */
static __always_inline const __u32 *find_vip(const struct packet *packet, bool *any_port)
{
	struct vip_key key = {
		.port = packet->destination_port,
		.protocol = packet->protocol,
		.ipv6 = packet->ipv6,
	};
	const __u32 *number;

	__builtin_memcpy(key.address, packet->destination, sizeof(key.address));
	*any_port = false;
	number = bpf_map_lookup_elem(&vip_numbers, &key);
	if (number)
		return number;
	number = vip_by_prefix(&key);
	if (number || !(vip_kinds & VIPS_WITH_ANY_PORT))
		return number;
	*any_port = true;
	return vip_of_any_port(&key);
}

static __noinline bool is_vip_address(const struct packet *packet)
{
	struct address_prefix prefix = {.prefix_bits = packet->ipv6 ? 160 : 64, .ipv6 = packet->ipv6};

	__builtin_memcpy(prefix.address, packet->destination, sizeof(prefix.address));
	return bpf_map_lookup_elem(&vip_addresses, &prefix) != NULL;
}
