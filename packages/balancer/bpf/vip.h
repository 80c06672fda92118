/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Virtual services, and the lookup of a packet's service. */
#pragma once

#include "cpu.h"

enum vip_flag {
	/* The source port counts as 0. */
	VIP_NO_SOURCE_PORT = 1 << 0,
	/* Flows are not remembered. */
	VIP_NO_FLOW_TABLE = 1 << 1,
	VIP_QUIC = 1 << 2,
	/* The hash covers only the destination port. */
	VIP_HASH_DESTINATION_PORT = 1 << 3,
	VIP_SOURCE_ROUTING = 1 << 4,
	/* Delivered to this host. */
	VIP_LOCAL = 1 << 5,
	VIP_GLOBAL_FLOWS = 1 << 6,
	/* In a VIP for all ports, the destination port counts, too. */
	VIP_HASH_BOTH_PORTS = 1 << 7,
	VIP_STABLE_UDP = 1 << 8,
	/* UDP flows leave a real that is down. */
	VIP_UDP_MIGRATION = 1 << 9,
	/* Both directions go through the balancer, without a tunnel. */
	VIP_NAT = 1 << 10,
	/* Reals are on the same network, and get packets as they are. */
	VIP_DIRECT = 1 << 11,
};

/* A VIP's record. */
struct vip {
	enum vip_flag flags;
	__u32 reserved;
	/* A bit for each real that belongs to it, by number, with or without weight. */
	__u64 members[MAX_REALS / 64];
	/* A bit for each real that UDP flows leave. */
	__u64 down[MAX_REALS / 64];
	/* Numbers of reals; 0 means none. */
	__u16 ring[RING_SIZE];
	__u16 padding[3];
} SHARED;

/*
 * Records by the VIP's number. User space inserts and deletes. It never changes a record in use, but replaces it by a
 * new one, so that a packet sees the old or the new one.
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

/* `port` is in network order, 0 for all. */
struct vip_slot {
	__u64 address[2]; /* network order; IPv4 takes the first half's first word */
	__u32 service;	  /* port | protocol << 16 | ipv6 << 24 */
	__u32 number;	  /* the VIP's plus 1, or enum no_vip */
};

/* prefix_bits includes the 32 bits before the address. */
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

/* `number` in a slot without a VIP. */
enum no_vip {
	/* The slot was never used: a search ends. */
	VIP_NONE = 0,
	/* Its VIP was removed: a search goes on. */
	VIP_GONE = 0xffffffff,
};

SHARE_ENUM(no_vip);

/*
 * VIPs with a single address: a hash table in an array, whose lookup takes a few instructions where a hash map's is a
 * call. User space fills it in mapped memory: it writes a slot's number last, and changes it first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VIP_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct vip_slot);
} vip_slots SEC(".maps");

/* Numbers of the VIPs with a prefix. User space inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_VIPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct vip_prefix);
	__type(value, __u32);
} vip_prefixes SEC(".maps");

/* Addresses of all VIPs, for packets without ports. User space inserts and deletes. */
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

/* The slot at which a search begins. */
static __always_inline __u32 first_slot(const struct vip_key *key)
{
	__u64 hash = (key->address[0] ^ key->address[1] * 0x9e3779b97f4a7c15) + key->service;

	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93;
	return hash >> (64 - VIP_SLOT_BITS);
}

/* The number in a slot: the VIP's plus 1, 0 if the search ends, VIP_GONE if it goes on. */
static __always_inline __u32 look_at_slot(const struct vip_key *key, __u32 index)
{
	struct vip_slot *slot;

	index &= VIP_SLOTS - 1;
	slot = bpf_map_lookup_elem(&vip_slots, &index);
	if (!slot || !slot->number)
		return 0;
	if (slot->address[0] == key->address[0] && slot->address[1] == key->address[1] && slot->service == key->service)
		return slot->number;
	return VIP_GONE;
}

/* Searches further slots. Here and elsewhere: not static, so that the verifier checks it once, not at every call. */
__noinline __u32 search_further(__u32 id, __u32 index)
{
	const struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);

	if (!cpu)
		return 0;
	for (__u32 i = 1; i < VIP_PROBES; i++) {
		__u32 number = look_at_slot(&cpu->vip_key, index + i);

		if (number != VIP_GONE)
			return number;
	}
	return 0;
}

static __always_inline __u32 vip_by_address(const struct vip_key *key, __u32 id)
{
	__u32 index = first_slot(key);
	__u32 number = look_at_slot(key, index);

	return number == VIP_GONE ? search_further(id, index) : number;
}

__noinline __u32 vip_by_prefix(__u32 id)
{
	const struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);
	struct vip_prefix prefix = {};
	const __u32 *number;
	__u32 service;

	if (!cpu)
		return 0;
	service = cpu->vip_key.service;
	prefix.prefix_bits = service >> 24 ? 160 : 64;
	prefix.port = service;
	prefix.protocol = service >> 16;
	prefix.ipv6 = service >> 24;
	__builtin_memcpy(prefix.address, cpu->vip_key.address, sizeof(prefix.address));
	number = bpf_map_lookup_elem(&vip_prefixes, &prefix);
	return number ? *number + 1 : 0;
}

/*
 * The number of a packet's VIP plus 1; 0 if it is for none. `any_port` becomes true if the port does not count for the
 * flow: in VIPs for all ports, and in all VIPs with a prefix.
 */
static __always_inline __u32 find_vip(struct cpu *cpu, __u32 id, bool *any_port)
{
	const struct packet *packet = &cpu->packet;
	struct vip_key *key = &cpu->vip_key;
	enum vip_kind kinds = vip_kinds;
	__u32 number;

	key->address[0] = packet->destination_halves[0];
	key->address[1] = packet->destination_halves[1];
	key->service = packet->destination_port | (__u32)packet->protocol << 16 | (__u32)packet->ipv6 << 24;
	*any_port = false;
	number = vip_by_address(key, id);
	if (number)
		return number;
	*any_port = true;
	if (kinds & VIPS_WITH_PREFIX)
		number = vip_by_prefix(id);
	if (number || !(kinds & VIPS_WITH_ANY_PORT))
		return number;
	key->service &= 0xffff0000;
	number = vip_by_address(key, id);
	if (!number && (kinds & VIPS_WITH_PREFIX))
		number = vip_by_prefix(id);
	return number;
}

static __noinline bool is_vip_address(const struct packet *packet)
{
	struct address_prefix prefix = {.prefix_bits = packet->ipv6 ? 160 : 64, .ipv6 = packet->ipv6};

	__builtin_memcpy(prefix.address, packet->destination, sizeof(prefix.address));
	return bpf_map_lookup_elem(&vip_addresses, &prefix) != NULL;
}
