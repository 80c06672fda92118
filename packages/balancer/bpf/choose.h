/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The choice of a packet's real: the first of several ways that knows one. */
#pragma once

#include "flow-table.h"
#include "outcome.h"
#include "peer-flow.h"
#include "quic.h"
#include "ring.h"
#include "server-id.h"
#include "stable-udp.h"

/* Handles of the reals that user space assigns to flows, for all CPUs. User space inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct global_flow);
	__type(value, __u32);
} global_flows SEC(".maps");

/* Handles of reals by the source's prefix. User space inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address_prefix);
	__type(value, __u32);
} source_routes SEC(".maps");

/* A choice: its reason, and the real's handle, 0 for none. */
struct choice {
	enum reason reason;
	__u32 handle;
};

static __always_inline void count_quic_version(struct counters *counters, __u32 version)
{
	if (version == 1)
		count(&counters->quic_version1);
	else
		count(version == 2 ? &counters->quic_version2 : &counters->quic_version3);
}

/* Chooses by an id in the packet. Such a choice counts even if the real does not belong to the VIP. */
static __noinline int choose_by_quic(struct xdp_md *ctx, struct cpu *cpu, const struct packet *packet,
				     struct choice *choice)
{
	struct connection_id id = {};

	switch (find_quic_id(ctx, packet, &id)) {
	case QUIC_INITIAL:
		count(&cpu->counters.quic_initial);
		return 0;
	case QUIC_WITHOUT_ID:
		count(&cpu->counters.quic_without_id);
		return 0;
	default:
		break;
	}
	count_quic_version(&cpu->counters, id.version);
	choice->handle = real_by_id(id.server);
	choice->reason = REASON_QUIC_ID;
	count(choice->handle ? &cpu->counters.quic_id : &cpu->counters.quic_unknown_id);
	return 0;
}

static __noinline int choose_by_stable_udp(struct xdp_md *ctx, struct cpu *cpu, const struct packet *packet,
					   struct choice *choice)
{
	__u32 id = find_stable_id(ctx, packet);

	choice->handle = real_by_id(id);
	choice->reason = REASON_STABLE_UDP;
	if (!id)
		count(&cpu->counters.stable_udp_without_id);
	else
		count(choice->handle ? &cpu->counters.stable_udp : &cpu->counters.stable_udp_unknown_id);
	return 0;
}

static __noinline int choose_by_server_id(struct xdp_md *ctx, struct cpu *cpu, const struct packet *packet,
					  struct choice *choice)
{
	__u32 id = find_server_id(ctx, packet->transport);

	choice->handle = real_by_id(id);
	choice->reason = REASON_SERVER_ID;
	if (!id)
		count(&cpu->counters.server_without_id);
	else
		count(choice->handle ? &cpu->counters.server_id : &cpu->counters.server_unknown_id);
	return 0;
}

static __always_inline void choose_by_id(struct xdp_md *ctx, struct cpu *cpu, const struct packet *packet,
					 __u32 vip_flags, struct choice *choice)
{
	if (packet->flags & PACKET_ICMP)
		return;
	if (packet->protocol == IPPROTO_UDP) {
		if (vip_flags & VIP_QUIC)
			choose_by_quic(ctx, cpu, packet, choice);
		if (!choice->handle && (vip_flags & VIP_STABLE_UDP))
			choose_by_stable_udp(ctx, cpu, packet, choice);
	} else if (tcp_server_ids && !(packet->flags & PACKET_SYN)) {
		choose_by_server_id(ctx, cpu, packet, choice);
	}
}

/* Whether a UDP flow must leave its real. */
static __always_inline bool leaves_real(struct cpu *cpu, const struct vip *vip, const struct packet *packet,
					__u32 handle)
{
	if (!(vip->flags & VIP_UDP_MIGRATION) || packet->protocol != IPPROTO_UDP ||
	    !has_bit(vip->down, real_number(handle)))
		return false;
	count(&cpu->counters.udp_migrated);
	return true;
}

/* Whether the VIP has rules that lead to reals that do not belong to it. */
static __always_inline bool has_rules(const struct vip *vip, const struct packet *packet)
{
	return (vip->flags & (VIP_SOURCE_ROUTING | VIP_QUIC | VIP_STABLE_UDP)) ||
	       (tcp_server_ids && packet->protocol == IPPROTO_TCP);
}

static __noinline __u32 find_global_flow(const struct packet *packet)
{
	struct global_flow key = {};
	const __u32 *handle;

	set_global_flow(&key, packet);
	handle = bpf_map_lookup_elem(&global_flows, &key);
	return handle ? *handle : 0;
}

static __noinline __u32 find_source_route(const struct packet *packet)
{
	struct address_prefix prefix = {.prefix_bits = packet->ipv6 ? 160 : 64, .ipv6 = packet->ipv6};
	const __u32 *handle;

	__builtin_memcpy(prefix.address, packet->source, sizeof(prefix.address));
	handle = bpf_map_lookup_elem(&source_routes, &prefix);
	return handle ? *handle : 0;
}

/* Chooses the real of a known flow, from its CPU's table or from the global one. */
static __always_inline struct real *choose_by_tables(struct cpu *cpu, const struct place *place, const struct vip *vip,
						     const struct packet *packet, bool dry, struct choice *choice)
{
	struct real *real;

	if (!(vip->flags & VIP_NO_FLOW_TABLE)) {
		__u32 known = recall_flow(place, !dry);

		choice->handle = known & ~FLOW_RULE;
		choice->reason = REASON_FLOW_TABLE;
		if (choice->handle) {
			real = real_by_handle(choice->handle);
			if (!real || (!is_member(vip, choice->handle) &&
				      !((known & FLOW_RULE) && has_rules(vip, packet)))) {
				count(&cpu->counters.flow_stale);
			} else if (!leaves_real(cpu, vip, packet, choice->handle)) {
				count(&cpu->counters.flow_hit);
				return real;
			}
		}
	}
	if (vip->flags & VIP_GLOBAL_FLOWS) {
		choice->handle = find_global_flow(packet);
		choice->reason = REASON_GLOBAL_FLOW;
		real = real_by_handle(choice->handle);
		if (real && is_member(vip, choice->handle) && !leaves_real(cpu, vip, packet, choice->handle)) {
			count(&cpu->counters.global_hit);
			return real;
		}
	}
	return NULL;
}

/* Chooses the real of a flow that another balancer has sent; it is known here from now on, and sent in turn. */
static __always_inline struct real *choose_by_peers(struct xdp_md *ctx, struct cpu *cpu, const struct place *place, const struct vip *vip,
						    const struct packet *packet, bool dry, struct choice *choice)
{
	__u32 known = find_peer_flow(packet, place->now);
	__u32 handle = known & ~FLOW_RULE;
	struct real *real = real_by_handle(handle);

	if (!real || (!is_member(vip, handle) && !((known & FLOW_RULE) && has_rules(vip, packet))) ||
	    leaves_real(cpu, vip, packet, handle))
		return NULL;
	choice->handle = handle;
	choice->reason = REASON_PEER_FLOW;
	count(&cpu->counters.peer_hit);
	if (!dry) {
		remember_flow(place, packet, known);
		report_flow(ctx, packet, known);
	}
	return real;
}

/* Chooses the real of an unknown flow. */
static __always_inline struct real *choose_new(struct cpu *cpu, const struct vip *vip, const struct packet *packet,
					       struct choice *choice)
{
	struct real *real;
	__u32 number;

	if (vip->flags & VIP_SOURCE_ROUTING) {
		choice->handle = find_source_route(packet);
		choice->reason = REASON_SOURCE_ROUTE;
		real = real_by_handle(choice->handle);
		if (real) {
			count(&cpu->counters.source_routed);
			return real;
		}
	}
	number = choose_by_ring(vip, packet);
	choice->reason = REASON_RING;
	if (!number)
		return NULL;
	real = real_by_number(number);
	if (real)
		choice->handle = real_handle(number, real);
	return real;
}

/* Whether there are so many new flows that they are no longer remembered. */
static __always_inline bool is_flood(struct cpu *cpu)
{
	if (cpu->new_flows >= new_flow_limit) {
		count(&cpu->counters.flow_flood);
		return true;
	}
	cpu->new_flows++;
	return false;
}

/*
 * Chooses the packet's real; NULL if the ring has none. `table` is the CPU whose flow table is used; a `dry` run
 * changes no table.
 */
static __always_inline struct real *choose_real(struct xdp_md *ctx, struct cpu *cpu, __u32 table,
						const struct vip *vip, const struct packet *packet, bool dry,
						struct choice *choice)
{
	bool remembers = !(vip->flags & VIP_NO_FLOW_TABLE);
	struct place place = {};
	struct real *real = NULL;
	bool is_by_id;

	place.now = cpu_now(cpu);
	if (remembers) {
		identify_flow(&place.flow, packet);
		find_bucket(&place, table);
		if (!place.bucket)
			count(&cpu->counters.flow_fallback);
	}
	choose_by_id(ctx, cpu, packet, vip->flags, choice);
	if (choice->handle)
		real = real_by_handle(choice->handle);
	is_by_id = real;
	if (!real && !(packet->flags & PACKET_SYN)) {
		real = choose_by_tables(cpu, &place, vip, packet, dry, choice);
		if (!real && share_flows && remembers)
			real = choose_by_peers(ctx, cpu, &place, vip, packet, dry, choice);
		if (real)
			return real;
	}
	if (!real) {
		if (remembers)
			count(packet->flags & PACKET_SYN ? &cpu->counters.flow_miss_syn :
							   &cpu->counters.flow_miss_other);
		real = choose_new(cpu, vip, packet, choice);
		if (remembers)
			count_miss(cpu, packet->flags & PACKET_SYN, real_number(choice->handle));
		if (!real)
			return NULL;
		if (is_flood(cpu)) {
			if (choice->reason == REASON_RING)
				choice->reason = REASON_RING_FLOOD;
			remembers = false;
		}
		if (packet->flags & (PACKET_RST | PACKET_ICMP))
			remembers = false;
	}
	if (remembers && !dry) {
		/* An id or a route leads to any real; a ring to those of the VIP. */
		__u32 known = choice->handle | (choice->reason == REASON_RING ? 0 : FLOW_RULE);

		if (!is_by_id || recall_flow(&place, true) != known) {
			remember_flow(&place, packet, known);
			if (share_flows)
				report_flow(ctx, packet, known);
		}
	}
	return real;
}
