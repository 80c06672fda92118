/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Constants and variables that user space sets. */
#pragma once

#include "kernel.h"

/*
 * User space sets these before load. The verifier knows the values and removes code that a configuration does not need.
 */

/* UDP encapsulation (GUE, variant 1) instead of IP in IP. */
const volatile bool use_gue = false;
/* Generic routing encapsulation (RFC 2784), without its optional fields, instead of IP in IP. */
const volatile bool use_gre = false;
/* Network order. */
const volatile __u16 gue_port = 0;
const volatile __u32 gue_source4 = 0;
const volatile __u32 gue_source6[4] = {};
/* Longest frame that is forwarded, bytes, and the MTU that "too big" messages name. */
const volatile __u32 max_frame = 0;
const volatile __u32 icmp_mtu = 0;
/* Longer frames are answered with "too big"; otherwise they are only dropped. */
const volatile bool send_too_big = false;
/* Server ids in TCP options count. */
const volatile bool tcp_server_ids = false;
/* Outer headers of packets to an address of `tunnel_ends` are removed first. */
const volatile bool inline_decapsulation = false;
/* The next hop is reached by another device than that by which packets come in. */
const volatile bool use_router_device = false;
/* Services may translate addresses. */
const volatile bool use_nat = false;
/* Other balancers send their flows and get this one's. */
const volatile bool share_flows = false;
/* New flows that a CPU remembers in a second. */
const volatile __u32 new_flow_limit = 0;
/* A UDP flow that was idle for longer is a new one; ticks of the clock in cpu.h. */
const volatile __u32 udp_idle_ticks = 0;
/* A flow's last use may be this much later than noted; the same ticks. */
const volatile __u32 touch_ticks = 0;
/* Start of the hash of a client's address, which decides its place in rings. */
const volatile __u32 address_hash_start = 0;
/* Number of buckets in each CPU's flow table. */
const volatile __u32 flow_buckets = 0;
/* Number of slots for server ids, a power of two, minus one. */
const volatile __u32 id_mask = 0;
/* Random numbers, so that nobody outside can find flows that share a bucket. */
const volatile __u64 flow_secrets[20] = {};
/* Element of `cpus` for runs that must not be counted, after the last CPU's. */
const volatile __u32 uncounted_cpu = 0;

/* Set at any time. */

enum vip_kind {
	VIPS_WITH_PREFIX = 1 << 0,
	VIPS_WITH_ANY_PORT = 1 << 1,
};

/* The kinds of VIPs that exist, so that tables without entries are not searched. */
volatile enum vip_kind vip_kinds = 0;
/* MAC address of the next hop: bytes 0 to 3, and bytes 4 and 5. */
volatile __u32 router_mac_front = 0;
volatile __u16 router_mac_back = 0;
/* With use_router_device: the device, and its MAC address: bytes 0 and 1, and bytes 2 to 5. */
volatile __u32 router_interface = 0;
volatile __u16 router_source_front = 0;
volatile __u32 router_source_back = 0;
/* One packet in this many is captured, on each CPU; 0 captures none. */
volatile __u32 capture_every = 0;
/* Bits 1 << enum reason of the packets that are captured. */
volatile __u64 capture_reasons = 0;
/* Only packets that are no SYN, and whose flow was unknown, are captured. */
volatile bool capture_misses = false;
/* Bytes of each captured packet. */
volatile __u32 capture_bytes = 0;
