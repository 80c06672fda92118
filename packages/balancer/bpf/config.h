/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What user space decides. */
#pragma once

#include "kernel.h"

/*
 * Set before load, by user space, which has the defaults. The verifier knows these values, so that code which a configuration
 * does not need is not loaded.
 */

/* Outer headers: UDP in front of the inner packet instead of IP in IP. */
const volatile bool use_gue = false;
/* Network order. */
const volatile __u16 gue_port = 0;
const volatile __u32 gue_source4 = 0;
const volatile __u32 gue_source6[4] = {};
/* Longest frame that is forwarded, bytes, and the MTU that "too big" messages name. */
const volatile __u32 max_frame = 0;
const volatile __u32 icmp_mtu = 0;
/* Longer frames are answered with "too big"; otherwise they are only dropped. */
const volatile bool send_too_big = false;
/* Look for server ids in TCP options. */
const volatile bool tcp_server_ids = false;
/* Unpack what comes to an address of `tunnel_ends` before it is looked at. */
const volatile bool inline_decapsulation = false;
/* Services may have their packets' addresses translated. */
const volatile bool use_nat = false;
/* New flows that are remembered, a CPU and second. */
const volatile __u32 new_flow_limit = 0;
/* A UDP flow that was idle longer is a new one; ticks of the clock in cpu.h. */
const volatile __u32 udp_idle_ticks = 0;
/* How much later than noted a flow may have been used last; the same ticks. */
const volatile __u32 touch_ticks = 0;
/* Number of buckets in each CPU's flow table. */
const volatile __u32 flow_buckets = 0;
/* Number of slots for server ids, a power of two, less one. */
const volatile __u32 id_mask = 0;
/* Random: nobody outside can tell which flows share a bucket. */
const volatile __u64 flow_secrets[20] = {};
/* Element of `cpus` for runs that must not be counted: the one behind the last CPU's. */
const volatile __u32 uncounted_cpu = 0;

/* Set at any time. */

enum vip_kind {
	VIPS_WITH_PREFIX = 1 << 0,
	VIPS_WITH_ANY_PORT = 1 << 1,
};

/* Which kinds of VIPs exist, so that tables without entries are not asked. */
volatile enum vip_kind vip_kinds = 0;
/* MAC address of the next hop, as the halves of an Ethernet header's first six bytes. */
volatile __u32 router_mac_front = 0;
volatile __u16 router_mac_back = 0;
/* Capture one packet in so many, on each CPU; 0 captures none. */
volatile __u32 capture_every = 0;
/* Bits of 1 << enum reason: which packets are captured. */
volatile __u64 capture_reasons = 0;
/* Bytes of each captured packet. */
volatile __u32 capture_bytes = 0;
