/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The kernel's own types that only UDP needs, as in kernel.h reduced to the fields that are read. */
#pragma once

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device {
	int ifindex;
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct sock *sk;
	unsigned long _skb_refdst; /* address of a struct dst_entry, and a flag in the lowest bit */
	char cb[48];		   /* begins with the number of the interface on which an IPv6 packet arrived */
	__u16 transport_header; /* offsets from head */
	__u16 network_header;
	unsigned int end; /* where struct skb_shared_info lies */
	unsigned char *head;
};

struct skb_shared_info {
	unsigned short gso_size;
	unsigned short gso_segs;
};

/* A bit-field of 16 bits until 5.6. */
struct sock___type {
	__u16 sk_type;
};

struct atomic_cookie {
	__s64 counter;
};

struct sock_common___more {
	struct atomic_cookie skc_cookie;
};

struct sock___more {
	struct sock_common___more __sk_common;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct___namespaces {
	struct nsproxy *nsproxy;
};

/* Further registers at a kprobe; see registers.h. */
struct pt_regs___x86_arguments {
	unsigned long si;
	unsigned long dx;
	unsigned long cx;
	unsigned long r8;
};

#pragma clang attribute pop

#define SKB_DST_NOREF 1UL
#define IPPROTO_UDP 17
#define UDP_HEADER_LENGTH 8
#define SOCK_DGRAM 2
#define MSG_PEEK 0x02
#define MSG_TRUNC 0x20
