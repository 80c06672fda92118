/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Data of each CPU: the present packet, a clock, and counters. */
#pragma once

#include "config.h"
#include "limits.h"
#include "outcome.h"
#include "packet.h"

/* Numbers of packets. */
struct counters {
	__u64 packets;
	__u64 transmitted;
	__u64 redirected; /* transmitted by another device than that by which they came in */
	__u64 dropped;
	__u64 passed;
	__u64 malformed;
	__u64 echo;
	__u64 too_big;
	__u64 flow_hit;
	__u64 flow_miss_syn;
	__u64 flow_miss_other;
	__u64 flow_stale;    /* the flow was known, but its real has left the VIP */
	__u64 flow_fallback; /* on CPUs without a flow table */
	__u64 flow_flood;    /* not remembered: too many were new */
	__u64 global_hit;
	__u64 peer_hit; /* the flow was unknown, and another balancer had sent it */
	__u64 udp_migrated;
	__u64 source_routed;
	__u64 empty_slot;
	__u64 encapsulation_failed;
	__u64 local;
	__u64 decapsulated;
	__u64 last_hop; /* dropped: out of a tunnel, with its TTL or hop limit used up */
	__u64 no_neighbour; /* dropped: the MAC address of a real of direct routing is not known */
	__u64 quic_id;
	__u64 quic_initial; /* Initial and 0-RTT, whose id the client chose */
	__u64 quic_without_id;
	__u64 quic_unknown_id;
	/* By the version of their connection id, where that has a server id. */
	__u64 quic_version1;
	__u64 quic_version2;
	__u64 quic_version3;
	__u64 server_id;
	__u64 server_without_id;
	__u64 server_unknown_id;
	__u64 stable_udp;
	__u64 stable_udp_without_id;
	__u64 stable_udp_unknown_id;
	__u64 icmp_small_mtu; /* too-big messages for an MTU below 1280 bytes */
	/* Translated flows. */
	__u64 nat_created;
	__u64 nat_expired;     /* their ports were reused after their idle time */
	__u64 nat_yielded;     /* their ports were reused earlier, since ports were scarce */
	/* Packets of translated flows. */
	__u64 nat_exhausted;   /* dropped: no port was free */
	__u64 nat_unknown;     /* refused: of no known flow, and not the first of one */
	__u64 nat_last_hop;    /* dropped: TTL or hop limit was used up */
	__u64 nat_no_next_hop; /* sent to the router, since the host has no route or no neighbour */
	__u64 nat_replies;
	__u64 nat_reply_bytes; /* without Ethernet header and padding */
};

struct traffic {
	__u64 packets;
	__u64 bytes; /* of the inner packets, without Ethernet header and padding */
};

/* Packets whose flow was unknown. */
struct misses {
	__u64 syn;
	__u64 other;
};

/* Destination of a packet: the key of its VIP. */
struct vip_key {
	__u64 address[2];
	__u32 service; /* port | protocol << 16 | ipv6 << 24 */
	__u32 reserved;
};

struct cpu {
	__u64 jiffies;	 /* when `now` was taken */
	__u64 window_ns; /* when the count of new flows began */
	__u32 now;	 /* nanoseconds since boot >> 24: 16.8 ms */
	__u32 new_flows;
	__u32 capture_turn;
	/* Whether the present packet came out of a tunnel on its last hop. */
	__u32 is_last_hop;
	/* Whether the present packet is no SYN, and its flow was unknown. */
	__u32 is_miss;
	__u32 reserved;
	/*
	 * The present packet and its outcome. If they were on the stack, the verifier would follow the rest of the
	 * program once for each kind of packet.
	 */
	struct outcome outcome;
	struct packet packet;
	struct vip_key vip_key;
	struct counters counters;
	struct traffic vips[MAX_VIPS];
	struct traffic reals[MAX_REALS];
	struct misses vip_misses[MAX_VIPS];
	/* By the real that was chosen for the flow. */
	struct misses real_misses[MAX_REALS];
};

/*
 * By CPU number. User space sets max_entries, sums the counters, and clears the traffic of a VIP or real when its
 * number is assigned. A plain array whose elements lie pages apart: a lookup takes a few instructions (in per-CPU
 * arrays only since 6.10), and user space can map it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

/* Only its own CPU writes to a counter, one packet after the other, so that no atomic operation is needed. */
static __always_inline void count(__u64 *counter)
{
	(*counter)++;
}

static __always_inline void count_traffic(struct traffic *traffic, __u32 bytes)
{
	traffic->packets++;
	traffic->bytes += bytes;
}

/* Counts a packet of an unknown flow, for its VIP and for the real that it gets, if any. */
static __always_inline void count_miss(struct cpu *cpu, bool is_syn, __u32 real)
{
	__u32 vip = cpu->outcome.vip - 1;

	if (vip < MAX_VIPS)
		count(is_syn ? &cpu->vip_misses[vip].syn : &cpu->vip_misses[vip].other);
	if (real && real < MAX_REALS)
		count(is_syn ? &cpu->real_misses[real].syn : &cpu->real_misses[real].other);
	if (!is_syn)
		cpu->is_miss = true;
}

#define SECOND_NS 1000000000ULL

/* Reads the clock once in a jiffy: reading jiffies is a load, reading the clock is a call. */
static __always_inline __u32 cpu_now(struct cpu *cpu)
{
	__u64 jiffies = bpf_jiffies64();

	if (cpu->jiffies != jiffies) {
		__u64 ns = bpf_ktime_get_ns();

		cpu->jiffies = jiffies;
		cpu->now = ns >> CLOCK_SHIFT;
		if (ns - cpu->window_ns >= SECOND_NS) {
			cpu->window_ns = ns;
			cpu->new_flows = 0;
		}
	}
	return cpu->now;
}
