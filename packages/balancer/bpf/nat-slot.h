/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Slots of translated flows: a flow's only record is the slot of its port on an address of the balancer. A reply finds
 * the slot by address and port alone. Clients' packets find it by a hash of the client's side, which leads to a bucket of
 * neighbouring slots, so that they wait for memory once, as in the flow table. A flow whose bucket was full has a slot
 * elsewhere, which its packets find through nat_clients. A slot counts only if it has the same client and VIP, so neither
 * direction of a flow can be known without the other.
 */
#pragma once

#include "flow-table.h"

/* The index of no slot. */
#define NAT_NONE 0xffffffff
/* Slots of a bucket; a power of two. */
#define NAT_WAYS 4

/* First slot and number of slots of each kind of flow; each source address has `nat_ports` slots. */
const volatile __u32 nat_first_slot[4] = {};
const volatile __u32 nat_slot_count[4] = {};
const volatile __u32 nat_first_port = 0;
const volatile __u32 nat_ports = 0;
/* 2^48 / nat_ports, rounded up, since a division takes as long as a lookup. */
const volatile __u64 nat_ports_inverse = 0;
/* Idle times after which a flow ends; ticks of the clock in cpu.h. */
const volatile __s32 nat_udp_ticks = 0;
const volatile __s32 nat_opening_ticks = 0; /* the real has not answered */
const volatile __s32 nat_open_ticks = 0;
const volatile __s32 nat_half_ticks = 0;   /* one side has sent a FIN */
const volatile __s32 nat_closed_ticks = 0; /* both sides have, or one has sent a RST */
/* When ports are scarce, flows that are closed or not answered lose theirs after this time. */
const volatile __s32 nat_yield_ticks = 0;
/* A flow's last use may be this much later than noted. */
const volatile __u32 nat_touch_ticks = 0;

/* Packets that one side of a flow has sent. Only that side's packets write its byte. */
enum nat_seen {
	NAT_SEEN = 1 << 0,
	NAT_FIN = 1 << 1,
	NAT_RST = 1 << 2,
} __attribute__((packed));

/* One cache line. */
struct nat_slot {
	__u16 version; /* odd while the slot changes its flow */
	enum nat_seen from_client;
	enum nat_seen from_real;
	__u32 used; /* a time of cpu_now() */
	__u64 client[2];
	__u64 vip[2];
	__u32 real; /* its handle; 0 in a free slot */
	__u16 client_port;
	__u16 vip_port;
	__u16 real_port;
	__u16 vip_number;
	/* Device and MAC address from which the client's last packet came, and to which replies go. */
	__u32 client_interface;
	__u32 client_mac_front;
	__u16 client_mac_back;
	__u8 outsider; /* an id or a route chose the real, which need not belong to the VIP */
	__u8 superseded; /* the client's packets belong to a later flow, which has another slot */
};

/* Programs fill and reuse slots, user space reads them and sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct nat_slot);
} nat_slots SEC(".maps");

/*
 * Indices of slots by the client's side of the flow, of flows whose slot is not in their bucket. Programs insert when a
 * flow begins, and delete when its slot is reused: there are never more entries than slots, and no entry is evicted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow);
	__type(value, __u32);
} nat_clients SEC(".maps");

/* First slots of buckets in which a CPU begins a flow, and no other CPU may. Programs insert and delete. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nat_claims SEC(".maps");

struct nat_address {
	__u32 address[4]; /* network order; IPv4 takes the first word */
	__u32 ipv6;
};

/* The balancer's own addresses, IPv4 before IPv6. User space fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_address);
} nat_addresses SEC(".maps");

/* The index of an address of nat_addresses among those of its family. User space fills it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct nat_address);
	__type(value, __u32);
} nat_address_numbers SEC(".maps");

/* The kind of a packet's flow: enum flow_kind. */
static __always_inline __u32 nat_kind(const struct packet *packet)
{
	return (packet->protocol == IPPROTO_UDP ? FLOW_UDP : 0) | (packet->ipv6 ? FLOW_IPV6 : 0);
}

static __always_inline struct nat_slot *nat_slot_at(__u32 index)
{
	return bpf_map_lookup_elem(&nat_slots, &index);
}

/* Copies a slot; false if it is free or changes its flow meanwhile. */
static __always_inline bool read_nat_slot(const struct nat_slot *slot, struct nat_slot *copy)
{
	const volatile __u64 *from = (const volatile __u64 *)slot;
	__u64 *to = (__u64 *)copy;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*slot) / sizeof(__u64); i++)
		to[i] = from[i];
	return copy->real && !(copy->version & 1) && *(const volatile __u16 *)&slot->version == copy->version;
}

static __always_inline bool nat_is_closed(const struct nat_slot *slot)
{
	return ((slot->from_client | slot->from_real) & NAT_RST) || (slot->from_client & slot->from_real & NAT_FIN);
}

static __always_inline __s32 nat_limit(const struct nat_slot *slot, __u32 kind)
{
	if (kind & FLOW_UDP)
		return nat_udp_ticks;
	if (nat_is_closed(slot))
		return nat_closed_ticks;
	if ((slot->from_client | slot->from_real) & NAT_FIN)
		return nat_half_ticks;
	return slot->from_real ? nat_open_ticks : nat_opening_ticks;
}

/* Signed, since clocks of CPUs differ by a tick. */
static __always_inline __s32 nat_idle_ticks(const struct nat_slot *slot, __u32 now)
{
	return now - slot->used;
}

static __always_inline bool nat_is_over(const struct nat_slot *slot, __u32 kind, __u32 now)
{
	return nat_idle_ticks(slot, now) > nat_limit(slot, kind);
}

/* Notes a packet of one side. Writes seldom, since the other side's CPU has the slot in its cache, too. */
static __always_inline void touch_nat_slot(struct nat_slot *slot, enum nat_seen *seen, __u8 packet_flags, __u32 now)
{
	enum nat_seen more = NAT_SEEN;

	if (packet_flags & PACKET_FIN)
		more |= NAT_FIN;
	if (packet_flags & PACKET_RST)
		more |= NAT_RST;
	if ((*seen | more) != *seen)
		*seen |= more;
	if (now - slot->used > nat_touch_ticks)
		slot->used = now;
}
