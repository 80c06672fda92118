/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Headers of packets, as far as the tools read them. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* IPv4 as ::ffff:a.b.c.d, so that one map holds both. */
static __always_inline void map_ipv4(__u8 *address, const __be32 *ipv4)
{
	__builtin_memset(address, 0, 10);
	__builtin_memset(address + 10, 0xff, 2);
	__builtin_memcpy(address + 12, ipv4, 4);
}
