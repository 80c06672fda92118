/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* TCP sockets, reduced to the fields that the tools read, and a connection's two ends as the tools report them. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum; /* the number that /proc/PID/ns/net shows */
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport; /* network order */
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags; /* bits of enum sock_flags */
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct inet_sock {
	__be16 inet_sport; /* network order; skc_num is 0 once a socket is closed */
};

struct tcp_sock {
	__u64 bytes_received;
	__u64 bytes_sent; /* with what was sent again */
	__u64 bytes_retrans;
};

#pragma clang attribute pop

enum sock_flags {
	SOCK_DEAD,
	SOCK_DONE, /* the peer's FIN has come */
};

#define AF_INET 2
#define IPPROTO_TCP 6

/* include/net/tcp_states.h */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_LAST_ACK = 9,
};

/* Addresses are in network order, IPv4 as ::ffff:a.b.c.d; ports are numbers. */
struct ends {
	__u8 local_address[16];
	__u8 peer_address[16];
	__u16 local_port;
	__u16 peer_port;
};

static __always_inline bool is_in_netns(struct sock *sk, __u32 inode)
{
	return !inode || BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == inode;
}

/* Payload; where the peer's FIN has come, the kernel counts it as a byte. */
static __always_inline __u64 bytes_received(struct sock *sk)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	return BPF_CORE_READ(tcp, bytes_received) - ((BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE) & 1);
}

static __always_inline __u64 bytes_sent(struct sock *sk)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	return BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
}

static __always_inline void read_ends(struct sock *sk, struct ends *ends)
{
	ends->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	ends->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		__builtin_memset(ends->local_address, 0, 10);
		__builtin_memset(ends->local_address + 10, 0xff, 2);
		__builtin_memcpy(ends->peer_address, ends->local_address, 12);
		BPF_CORE_READ_INTO((__be32 *)(ends->local_address + 12), sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__be32 *)(ends->peer_address + 12), sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO(&ends->local_address, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&ends->peer_address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
}
