/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Full address translation, for reals that cannot remove outer headers: clients' packets go to a real from an address
 * and port of the balancer, and the real's answers go back to the client from the VIP.
 *
 * Its steps are functions that the verifier checks one by one (not static, with numbers as arguments); they pass data
 * on in `cpus` and nat_works.
 */
#pragma once

#include "choose.h"
#include "nat-flow.h"
#include "nat-rewrite.h"
#include "next-hop.h"
#include "reset.h"

/* Whether a flow may go on to its real. */
static __always_inline bool is_served(const struct vip *vip, const struct nat_slot *slot)
{
	return slot->outsider || is_member(vip, slot->real);
}

/* The handle of the real of a client's flow; 0 if the flow has none, or has lost it. */
__noinline __u32 recall_translated(__u32 id)
{
	struct nat_work *work = nat_work_of(id);
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);
	const struct packet *packet;
	const struct vip *vip;
	__u32 index;

	if (!work || !cpu)
		return 0;
	packet = &cpu->packet;
	vip = vip_by_number(cpu->outcome.vip - 1);
	index = find_nat_client(packet, &work->slot, cpu_now(cpu));
	if (index == NAT_NONE || !vip)
		return 0;
	work->stale = index;
	if (!real_by_handle(work->slot.real) || !is_served(vip, &work->slot)) {
		count(&cpu->counters.flow_stale);
		return 0;
	}
	if (leaves_real(cpu, vip, packet, work->slot.real) ||
	    ((packet->flags & PACKET_SYN) && nat_is_closed(&work->slot)))
		return 0;
	work->index = index;
	count(&cpu->counters.flow_hit);
	return work->slot.real;
}

/* Whether a packet can be the first of its flow. */
static __always_inline bool may_begin(const struct packet *packet)
{
	return !(packet->flags & (PACKET_ICMP | PACKET_RST)) &&
	       (packet->protocol == IPPROTO_UDP || (packet->flags & PACKET_SYN));
}

/* Marks the flow's former slot as closed, so that it is soon reused. */
static __always_inline void close_stale(const struct nat_work *work)
{
	struct nat_slot *slot = work->stale == NAT_NONE ? NULL : nat_slot_at(work->stale);

	if (slot)
		slot->from_client |= NAT_RST;
}

/* Refuses a packet of an unknown flow that cannot begin with it: a reset informs its sender. */
__noinline int refuse_unknown(struct xdp_md *ctx, __u32 id)
{
	struct nat_work *work = nat_work_of(id);
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);

	if (!work || !cpu)
		return XDP_DROP;
	count(&cpu->counters.nat_unknown);
	count_miss(cpu, false, 0);
	close_stale(work);
	return cpu->packet.flags & (PACKET_ICMP | PACKET_RST) ? XDP_DROP : answer_reset(ctx, id);
}

/* Notes where the client's packets come from, since replies go there. */
static __always_inline void note_client(const struct xdp_md *ctx, const struct ethhdr *eth, struct nat_slot *slot)
{
	__u32 front = *(const __u32 *)eth->h_source, interface = ctx->ingress_ifindex;
	__u16 back = *(const __u16 *)(eth->h_source + 4);

	if (slot->client_mac_front == front && slot->client_mac_back == back && slot->client_interface == interface)
		return;
	slot->client_mac_front = front;
	slot->client_mac_back = back;
	slot->client_interface = interface;
}

/* Creates a flow and assigns a slot to it. False if there is none. */
static __always_inline bool begin_translated(struct cpu *cpu, __u32 id, struct nat_work *work)
{
	const struct packet *packet = &cpu->packet;
	const struct vip *vip = vip_by_number(cpu->outcome.vip - 1);
	__u32 number = cpu->outcome.real;
	const struct real *real = real_by_number(number);
	struct nat_slot *fresh = &work->slot;

	if (!real || !vip)
		return false;
	__builtin_memset(fresh, 0, sizeof(*fresh));
	fresh->used = cpu->now;
	fresh->client[0] = packet->source_halves[0];
	fresh->client[1] = packet->source_halves[1];
	fresh->vip[0] = packet->destination_halves[0];
	fresh->vip[1] = packet->destination_halves[1];
	fresh->client_port = packet->source_port;
	fresh->vip_port = packet->destination_port;
	fresh->vip_number = cpu->outcome.vip - 1;
	fresh->real = real_handle(number, real);
	fresh->outsider = !is_member(vip, fresh->real);
	fresh->real_port = real->port ?: packet->destination_port;
	close_stale(work);
	return begin_nat_flow(cpu, id, work);
}

/* Sends a client's packet to its flow's real. */
static __always_inline int send_translated(struct xdp_md *ctx, struct cpu *cpu, __u32 id, struct nat_work *work)
{
	__u32 number = real_number(work->slot.real);
	const struct packet *packet = &cpu->packet;
	struct nat_tuple *to = &work->to;
	const struct nat_address *source = nat_source(work->index, nat_kind(packet), &to->source_port);
	const struct real *real = real_by_number(number);
	struct nat_slot *slot = nat_slot_at(work->index);
	struct ethhdr *eth = packet_start(ctx);

	if (!slot || !source || !real || (void *)(eth + 1) > packet_end(ctx))
		return XDP_DROP;
	if (!(packet->flags & PACKET_ICMP)) {
		touch_nat_slot(slot, &slot->from_client, packet->flags, cpu->now);
		note_client(ctx, eth, slot);
	}
	to->destination_port = work->slot.real_port;
	__builtin_memcpy(to->source, source->address, sizeof(to->source));
	__builtin_memcpy(to->destination, real->address, sizeof(to->destination));
	if (!rewrite_packet(ctx, id)) {
		count(&cpu->counters.nat_last_hop);
		cpu->outcome.reason = REASON_NAT_LAST_HOP;
		return XDP_DROP;
	}
	count_traffic(&cpu->vips[work->slot.vip_number & (MAX_VIPS - 1)], packet->length);
	count_traffic(&cpu->reals[number], packet->length);
	return send_to_real(ctx, id, number);
}

/* Forwards a client's packet. If its flow has no slot yet, the outcome holds the real that was chosen. */
__noinline int forward_translated(struct xdp_md *ctx, __u32 id)
{
	struct nat_work *work = nat_work_of(id);
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);

	if (!work || !cpu)
		return XDP_DROP;
	cpu->packet.source_port = work->source_port;
	cpu->packet.destination_port = work->destination_port;
	if (work->index == NAT_NONE && !begin_translated(cpu, id, work)) {
		cpu->outcome.reason = REASON_NAT_EXHAUSTED;
		return XDP_DROP;
	}
	return send_translated(ctx, cpu, id, work);
}

/* Sends a reply to the device and MAC address of the client's packets, from the MAC address to which it came. */
static __always_inline int send_to_client(struct xdp_md *ctx, const struct nat_slot *slot)
{
	struct ethhdr *eth = packet_start(ctx);
	struct next_hop hop = {
		.interface = slot->client_interface,
		.destination_front = slot->client_mac_front,
		.destination_back = slot->client_mac_back,
	};

	if ((void *)(eth + 1) > packet_end(ctx))
		return XDP_DROP;
	__builtin_memcpy(&hop.source_front, eth->h_dest, 2);
	__builtin_memcpy(&hop.source_back, eth->h_dest + 2, 4);
	write_macs(eth, &hop);
	return send_by(ctx, hop.interface);
}

/* Finds the flow of a reply to one of the balancer's own addresses. False if there is none. */
static __always_inline bool recall_reply(struct cpu *cpu, struct nat_work *work)
{
	const struct real *real;
	const struct vip *vip;

	work->index = find_nat_reply(&cpu->packet, &work->slot, cpu_now(cpu));
	if (work->index == NAT_NONE)
		return false;
	real = real_by_handle(work->slot.real);
	vip = vip_by_number(work->slot.vip_number);
	return real && vip && (vip->flags & VIP_NAT) && is_served(vip, &work->slot) &&
	       same_address(real->address, cpu->packet.source);
}

static __always_inline int send_reply(struct xdp_md *ctx, struct cpu *cpu, __u32 id, struct nat_work *work)
{
	const struct packet *packet = &cpu->packet;
	struct nat_slot *slot = nat_slot_at(work->index);
	struct nat_tuple *to = &work->to;

	if (!slot)
		return XDP_DROP;
	if (!(packet->flags & PACKET_ICMP))
		touch_nat_slot(slot, &slot->from_real, packet->flags, cpu->now);
	to->source[0] = work->slot.vip[0];
	to->source[1] = work->slot.vip[1];
	to->destination[0] = work->slot.client[0];
	to->destination[1] = work->slot.client[1];
	to->source_port = work->slot.vip_port;
	to->destination_port = work->slot.client_port;
	if (!rewrite_packet(ctx, id)) {
		count(&cpu->counters.nat_last_hop);
		cpu->outcome.reason = REASON_NAT_LAST_HOP;
		return XDP_DROP;
	}
	count(&cpu->counters.nat_replies);
	cpu->counters.nat_reply_bytes += packet->length;
	return send_to_client(ctx, &work->slot);
}

/* Handles a packet to one of the balancer's own addresses: a flow's reply goes to the client, others to the host. */
__noinline int translate_reply(struct xdp_md *ctx, __u32 id, __u32 dry)
{
	struct nat_work *work = nat_work_of(id);
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);

	if (!work || !cpu || !recall_reply(cpu, work))
		return XDP_PASS;
	cpu->outcome.reason = REASON_NAT_REPLY;
	cpu->outcome.vip = work->slot.vip_number + 1;
	cpu->outcome.real = real_number(work->slot.real);
	return dry ? XDP_TX : send_reply(ctx, cpu, id, work);
}
