/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "kernel.h"

enum packet_flag {
	PACKET_SYN = 1 << 0,
	PACKET_RST = 1 << 1,
	/* An ICMP error: addresses, ports and protocol are those of the packet that it is about, turned round. */
	PACKET_ICMP = 1 << 2,
};

/*
 * What is known of a packet. Addresses and ports are in network order, as loaded; IPv4 ones take the first word. Addresses
 * are written and copied by halves: a processor waits when it reads at once what was written in two steps.
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
	__u16 transport; /* where its own transport header begins in the frame */
	__u8 protocol;
	bool ipv6;
	__u8 tos; /* or traffic class */
	__u8 flags;
};
