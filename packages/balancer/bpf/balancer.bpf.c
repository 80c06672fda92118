// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The balancer: packets to virtual services go through a tunnel to one of their reals. */
#include "capture.h"
#include "choose.h"
#include "decapsulate.h"
#include "direct.h"
#include "encapsulate.h"
#include "icmp.h"
#include "nat.h"
#include "parse.h"

/* Outcome of the last run of `explain`; user space reads it. */
volatile struct outcome explanation = {};
/* The CPU whose flow table `explain` reads; user space sets it. */
volatile __u32 explained_cpu = 0;

static __always_inline int refuse_malformed(struct cpu *cpu, const struct packet *packet)
{
	if (!is_vip_address(packet))
		return XDP_PASS;
	count(&cpu->counters.malformed);
	return XDP_DROP;
}

/* Chooses a packet's real, by the ports that count for its VIP. */
static __always_inline struct real *choose_for(struct xdp_md *ctx, struct cpu *cpu, __u32 table, struct packet *packet,
					       const struct vip *vip, bool any_port, bool dry, struct choice *choice)
{
	if (any_port && !(vip->flags & (VIP_HASH_DESTINATION_PORT | VIP_HASH_BOTH_PORTS)))
		packet->destination_port = 0;
	if (vip->flags & VIP_NO_SOURCE_PORT)
		packet->source_port = 0;
	return choose_real(ctx, cpu, table, vip, packet, dry, choice);
}

/* Whether packets stay on this host: both are local, since a local VIP may have remote reals as well. */
static __always_inline bool is_local(const struct vip *vip, const struct real *real)
{
	return (vip->flags & VIP_LOCAL) && (real->flags & REAL_LOCAL);
}

static __always_inline int forward_direct(struct xdp_md *ctx, struct cpu *cpu, struct outcome *outcome)
{
	int verdict = send_direct(ctx, outcome->real);

	if (verdict == XDP_DROP) {
		outcome->reason = REASON_NO_NEIGHBOUR;
		count(&cpu->counters.no_neighbour);
	}
	return verdict;
}

/* Sends a packet to its real. */
static __always_inline int forward(struct xdp_md *ctx, struct cpu *cpu, const struct packet *packet,
				   const struct vip *vip, const struct real *real, struct outcome *outcome)
{
	if (outcome->vip - 1 < MAX_VIPS)
		count_traffic(&cpu->vips[outcome->vip - 1], packet->length);
	count_traffic(&cpu->reals[outcome->real], packet->length);
	if (vip->flags & (VIP_LOCAL | VIP_DIRECT)) {
		if (is_local(vip, real)) {
			count(&cpu->counters.local);
			return XDP_PASS;
		}
		if (vip->flags & VIP_DIRECT)
			return forward_direct(ctx, cpu, outcome);
	}
	if (encapsulate(ctx, packet, real))
		return use_router_device ? send_by(ctx, router_interface) : XDP_TX;
	outcome->reason = REASON_ENCAPSULATION;
	count(&cpu->counters.encapsulation_failed);
	return XDP_DROP;
}

/* Balances a packet of a flow whose VIP is known. */
static __always_inline int balance_vip(struct xdp_md *ctx, struct cpu *cpu, __u32 table, struct packet *packet,
				       const struct vip *vip, bool any_port, bool dry, struct outcome *outcome)
{
	bool is_translated = use_nat && (vip->flags & VIP_NAT);
	__u32 id = dry ? uncounted_cpu : table;
	struct choice choice = {};
	struct real *real;

	if (is_translated) {
		if (!begin_nat_work(id, packet))
			return XDP_DROP;
		choice.handle = recall_translated(id);
		choice.reason = REASON_NAT_FLOW;
		if (!choice.handle && !may_begin(packet)) {
			outcome->reason = REASON_NAT_UNKNOWN;
			return dry ? XDP_DROP : refuse_unknown(ctx, id);
		}
	} else if (use_nat && (packet->flags & PACKET_ICMP_TRANSLATED)) {
		outcome->reason = REASON_OTHER_PROTOCOL;
		return XDP_PASS;
	} else if (packet_end(ctx) - packet_start(ctx) > max_frame && !(vip->flags & VIP_DIRECT)) {
		outcome->reason = REASON_TOO_BIG;
		count(&cpu->counters.too_big);
		return dry ? XDP_DROP : answer_too_big(ctx, packet);
	}
	real = choice.handle ? real_by_handle(choice.handle) :
			     choose_for(ctx, cpu, table, packet, vip, any_port, dry, &choice);
	outcome->reason = choice.reason;
	if (!real) {
		outcome->reason = REASON_EMPTY_SLOT;
		count(&cpu->counters.empty_slot);
		return XDP_DROP;
	}
	outcome->real = real_number(choice.handle);
	if (inline_decapsulation && cpu->is_last_hop && !is_translated && !is_local(vip, real)) {
		outcome->reason = REASON_LAST_HOP;
		count(&cpu->counters.last_hop);
		return XDP_DROP;
	}
	if (dry)
		return XDP_TX;
	return is_translated ? forward_translated(ctx, id) : forward(ctx, cpu, packet, vip, real, outcome);
}

/* A packet to no VIP may be a real's reply to one of the balancer's own addresses. */
static __always_inline int balance_reply(struct xdp_md *ctx, __u32 id, const struct packet *packet, bool dry)
{
	return use_nat && begin_nat_work(id, packet) ? translate_reply(ctx, id, dry) : XDP_PASS;
}

static __always_inline int balance_packet(struct xdp_md *ctx, struct cpu *cpu, __u32 table, bool dry,
					  struct outcome *outcome)
{
	struct packet *packet = &cpu->packet;
	const struct vip *vip;
	bool any_port;
	__u32 number;

	outcome->vip = 0;
	outcome->real = 0;
	cpu->is_miss = false;
	switch (parse_packet(cpu, packet, ctx)) {
	case PARSED_FLOW:
		break;
	case PARSED_ECHO_REQUEST:
		outcome->reason = REASON_ECHO;
		if (!is_vip_address(packet)) {
			outcome->reason = REASON_NOT_A_VIP;
			return XDP_PASS;
		}
		count(&cpu->counters.echo);
		return dry ? XDP_TX : answer_echo(ctx, packet);
	case PARSED_MALFORMED:
		outcome->reason = REASON_MALFORMED;
		return refuse_malformed(cpu, packet);
	case PARSED_OTHER_PROTOCOL:
		outcome->reason = REASON_OTHER_PROTOCOL;
		return XDP_PASS;
	default:
		outcome->reason = REASON_NOT_IP;
		return XDP_PASS;
	}
	outcome->reason = REASON_NOT_A_VIP;
	number = find_vip(cpu, dry ? uncounted_cpu : table, &any_port);
	if (!number)
		return balance_reply(ctx, dry ? uncounted_cpu : table, packet, dry);
	vip = vip_by_number(number - 1);
	if (!vip)
		return XDP_PASS;
	outcome->vip = number;
	return balance_vip(ctx, cpu, table, packet, vip, any_port, dry, outcome);
}

/* Removes outer headers; returns whether there were any. */
static __always_inline bool remove_outer(struct xdp_md *ctx, struct cpu *cpu)
{
	enum decapsulation removed = decapsulate(ctx, gue_port, true);

	cpu->is_last_hop = removed == DECAPSULATED_LAST_HOP;
	return removed != DECAPSULATED_NOTHING;
}

static __always_inline int balance_counted(struct xdp_md *ctx)
{
	__u32 id = bpf_get_smp_processor_id();
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);
	struct outcome *outcome;
	int verdict;

	if (!cpu)
		return XDP_PASS;
	outcome = &cpu->outcome;
	if (inline_decapsulation && remove_outer(ctx, cpu))
		count(&cpu->counters.decapsulated);
	verdict = balance_packet(ctx, cpu, id, false, outcome);
	count(&cpu->counters.packets);
	count(verdict == XDP_TX || verdict == XDP_REDIRECT ? &cpu->counters.transmitted :
	      verdict == XDP_DROP			   ? &cpu->counters.dropped :
							     &cpu->counters.passed);
	if (verdict == XDP_REDIRECT)
		count(&cpu->counters.redirected);
	capture(ctx, cpu, outcome, verdict);
	return verdict;
}

SEC("xdp")
int balance(struct xdp_md *ctx)
{
	return balance_counted(ctx);
}

/* Slot 0: the program that receives packets left to the host. User space inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_program SEC(".maps");

/* A separate program, since every call of a program with tail calls costs more. */
SEC("?xdp")
int balance_then_next(struct xdp_md *ctx)
{
	int verdict = balance_counted(ctx);

	if (verdict == XDP_PASS)
		bpf_tail_call(ctx, &next_program, 0);
	return verdict;
}

/* Explains what `balance` would do with a packet: counts nothing, remembers nothing, leaves the packet unchanged. */
SEC("xdp")
int explain(struct xdp_md *ctx)
{
	__u32 id = uncounted_cpu;
	struct cpu *cpu = bpf_map_lookup_elem(&cpus, &id);
	struct outcome *outcome;
	int verdict;

	if (!cpu)
		return XDP_PASS;
	outcome = &cpu->outcome;
	if (inline_decapsulation)
		remove_outer(ctx, cpu);
	verdict = balance_packet(ctx, cpu, explained_cpu, true, outcome);
	explanation.reason = outcome->reason;
	explanation.vip = outcome->vip;
	explanation.real = outcome->real;
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
