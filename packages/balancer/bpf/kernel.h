/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Packet headers, and helpers that all files here share. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* <linux/icmp.h> and <linux/icmpv6.h> include many headers of libc. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	union {
		struct {
			__u16 unused;
			__u16 mtu4;
		};
		__u32 mtu6;
	};
};

enum icmp_type {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_ECHO_REQUEST = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER_PROBLEM = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_ECHO_REQUEST = 128,
	ICMP6_ECHO_REPLY = 129,
};

#define ICMP4_CODE_TOO_BIG 4

/* Makes weir-bpf2ts generate a type to which neither a map nor a global variable leads. */
#define SHARED __attribute__((btf_decl_tag("export")))

/* The same for an enumeration, which cannot have a tag: a global variable leads to it. */
#define SHARE_ENUM(name) const enum name *const unused_##name __attribute__((unused)) = NULL

#define IP_FRAGMENT_BITS 0x3fff /* more fragments, and the offset */
#define IP_OFFSET_BITS 0x1fff
#define IPPROTO_FRAGMENT 44
#define OUTER_TTL 64

static __always_inline void *packet_start(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *packet_end(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data_end;
}
