/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The kernel's own types that only UDP needs, as in kernel.h reduced to the fields that are read. */
#pragma once

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff {
	struct sock *sk;
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

#define IPPROTO_UDP 17
#define UDP_HEADER_LENGTH 8
#define SOCK_DGRAM 2
#define MSG_PEEK 0x02
#define MSG_TRUNC 0x20
