/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A packet's flow, as far as its headers show it. */
#pragma once

#include "kernel.h"

enum packet_flag {
	/* The bits of TCP's header. */
	PACKET_FIN = 1 << 0,
	PACKET_SYN = 1 << 1,
	PACKET_RST = 1 << 2,
	/* An ICMP error: addresses, ports and protocol are those of the quoted packet, in the other direction. */
	PACKET_ICMP = 1 << 3,
	/* An ICMP error that only concerns translated flows. */
	PACKET_ICMP_TRANSLATED = 1 << 4,
};

/*
 * Parsed headers of a packet. Addresses and ports are in network order, as loaded; IPv4 takes the first word. Addresses
 * are written and copied by halves: a processor stalls when one load reads what two stores wrote.
 */
struct packet {
	union {
		__u32 source[4];
		__u64 source_halves[2];
	};
	union {
		__u32 destination[4];
		__u64 destination_halves[2];
	};
	__u16 source_port;
	__u16 destination_port;
	__u16 length;	 /* from the IP header on, bytes */
	__u16 transport; /* offset of its own transport header in the frame */
	__u8 protocol;
	bool ipv6;
	__u8 tos; /* or traffic class */
	__u8 flags;
};

static __always_inline bool same_address(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}
