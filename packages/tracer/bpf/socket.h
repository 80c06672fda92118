/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Reading a struct sock. */
#pragma once

#include <bpf/bpf_endian.h>

#include "event.h"
#include "reads.h"
#include "verified-once.h"

static __always_inline bool knows_mptcp(void)
{
	return bpf_core_type_exists(struct mptcp_sock) && bpf_core_field_exists(struct tcp_sock, is_mptcp) &&
	       bpf_core_field_exists(struct sock, sk_protocol);
}

enum socket_kind {
	SOCKET_OTHER,
	SOCKET_TCP,
	/* A TCP socket that is a subflow of an MPTCP connection, or listens for some. No program has it as a descriptor. */
	SOCKET_SUBFLOW,
	/* An MPTCP connection, as a program has it. */
	SOCKET_MPTCP,
};

/* Where the protocol is not known, every socket with TCP's states counts as TCP. */
VERIFIED_ONCE int socket_kind_at(__u64 address)
{
	const struct sock *sk = (const void *)address;
	const struct tcp_sock *tp = (const void *)sk;
	__u16 protocol;

	if (!bpf_core_field_exists(sk->sk_protocol))
		return SOCKET_TCP;
	protocol = READ_BITFIELD(struct sock, sk, sk_protocol);
	if (protocol == IPPROTO_MPTCP)
		return knows_mptcp() ? SOCKET_MPTCP : SOCKET_OTHER;
	if (protocol != IPPROTO_TCP)
		return SOCKET_OTHER;
	if (knows_mptcp() && READ_BITFIELD(struct tcp_sock, tp, is_mptcp))
		return SOCKET_SUBFLOW;
	return SOCKET_TCP;
}

static __always_inline int socket_kind(const struct sock *sk)
{
	int kind = socket_kind_at((__u64)sk);

	/* The verifier does not know the result, and must find no way to what this kernel lacks. */
	if (bpf_core_type_exists(struct mptcp_sock))
		return kind;
	return kind == SOCKET_TCP ? SOCKET_TCP : SOCKET_OTHER;
}

VERIFIED_ONCE bool is_mptcp_at(__u64 address)
{
	const struct sock *sk = (const void *)address;

	return knows_mptcp() && READ_BITFIELD(struct sock, sk, sk_protocol) == IPPROTO_MPTCP;
}

static __always_inline bool is_mptcp(const struct sock *sk)
{
	/* As in socket_kind(). */
	return bpf_core_type_exists(struct mptcp_sock) && is_mptcp_at((__u64)sk);
}

static __always_inline bool is_subflow(const struct sock *sk)
{
	return bpf_core_type_exists(struct mptcp_sock) && socket_kind_at((__u64)sk) == SOCKET_SUBFLOW;
}

/* Whether a socket has a connection as a program sees it: TCP, or MPTCP as a whole, without its subflows. */
static __always_inline bool is_connection(const struct sock *sk)
{
	int kind = socket_kind_at((__u64)sk);

	return kind == SOCKET_TCP || kind == SOCKET_MPTCP;
}

static __always_inline bool has_socket_flag(const struct sock *sk, __u64 bit)
{
	return READ(struct sock, sk, __sk_common.skc_flags) >> bit & 1;
}

/* Whether its process has shut a socket down in both directions, as close() does first. */
VERIFIED_ONCE bool is_shut_down_at(__u64 address)
{
	const struct sock *sk = (const void *)address;

	return bpf_core_field_exists(sk->sk_shutdown) &&
	       READ_BITFIELD(struct sock, sk, sk_shutdown) == SHUTDOWN_MASK;
}

static __always_inline bool is_shut_down(const struct sock *sk)
{
	return is_shut_down_at((__u64)sk);
}

VERIFIED_ONCE bool was_accepted_at(__u64 address)
{
	const struct sock *sk = (const void *)address;

	if (!bpf_core_field_exists(sk->sk_socket) || READ(struct sock, sk, sk_socket))
		return true;
	if (!bpf_core_field_exists(sk->__sk_common.skc_flags) ||
	    !has_socket_flag(sk, bpf_core_enum_value(enum sock_flags, SOCK_DEAD)))
		return false;
	return !is_mptcp(sk) || is_shut_down(sk);
}

/*
 * False for a socket that waits, or waited until its end, to be accepted: no process has had it. A socket that its process
 * has closed has no struct socket either, but is marked as dead. One of MPTCP that waits is marked so as well when its listener is closed,
 * but only what a process closes is shut down in both directions before.
 */
static __always_inline bool was_accepted(const struct sock *sk)
{
	return was_accepted_at((__u64)sk);
}

static __always_inline __u8 socket_state(const struct sock *sk)
{
	return READ(struct sock, sk, __sk_common.skc_state);
}

static __always_inline void map_ipv4(__u8 address[16], __be32 ipv4)
{
	__u32 *word = (__u32 *)address;

	word[0] = 0;
	word[1] = 0;
	word[2] = bpf_htonl(0xffff);
	word[3] = ipv4;
}

static __always_inline bool is_mapped(const __u8 address[16])
{
	const __u32 *word = (const __u32 *)address;

	return word[0] == 0 && word[1] == 0 && word[2] == bpf_htonl(0xffff);
}

/* Its own addresses are filled only after it is connected or accepted; those of its first subflow are there before. */
static __always_inline const struct sock *socket_with_addresses(const struct sock *sk)
{
	const struct sock *first;

	if (!is_mptcp(sk) || READ(struct sock, sk, __sk_common.skc_dport))
		return sk;
	first = BPF_CORE_READ((const struct mptcp_sock *)sk, first);
	return first ? first : sk;
}

/*
 * The first bytes of a socket, in which ports, family, interface, namespace and IPv4's addresses are on all known kernels: one
 * copy costs hardly more than a single member.
 */
struct socket_head {
	__u64 words[7];
};

#define IS_IN_HEAD(sk, member)                                                                                         \
	(bpf_core_field_offset((sk)->__sk_common.member) + sizeof((sk)->__sk_common.member) <=                         \
	 sizeof(struct socket_head))
/* A member of struct sock_common: out of the copy, or else by itself. */
#define READ_HEAD(head, sk, member)                                                                                    \
	(!READS_ARE_CALLS || !IS_IN_HEAD(sk, member)                                                                   \
		 ? READ(struct sock, sk, __sk_common.member)                                                           \
		 : *(typeof((sk)->__sk_common.member) *)((char *)(head) +                                              \
							 bpf_core_field_offset((sk)->__sk_common.member)))

VERIFIED_ONCE bool read_tuple_at(__u64 address, struct tuple *tuple)
{
	const struct sock *sk = socket_with_addresses((const void *)address);
	struct socket_head head = {};
	struct net *net;
	__u16 family;

	if (!tuple)
		return false;
	if (READS_ARE_CALLS)
		bpf_probe_read_kernel(&head, sizeof(head), sk);
	family = READ_HEAD(&head, sk, skc_family);
	if (family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr) &&
	    bpf_core_field_exists(sk->__sk_common.skc_v6_rcv_saddr)) {
		BPF_CORE_READ_INTO(&tuple->local_address, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&tuple->peer_address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	} else if (family == AF_INET) {
		map_ipv4(tuple->local_address, READ_HEAD(&head, sk, skc_rcv_saddr));
		map_ipv4(tuple->peer_address, READ_HEAD(&head, sk, skc_daddr));
	} else {
		return false;
	}
	/* The kernel clears skc_num before it reports the change to TCP_CLOSE; inet_sport stays. */
	tuple->local_port = READ_HEAD(&head, sk, skc_num);
	if (!tuple->local_port)
		tuple->local_port = bpf_ntohs(READ(struct inet_sock, sk, inet_sport));
	tuple->peer_port = bpf_ntohs(READ_HEAD(&head, sk, skc_dport));
	net = READ_HEAD(&head, sk, skc_net).net;
	tuple->netns = READ(struct net, net, ns.inum);
	tuple->interface = 0;
	if (bpf_core_field_exists(sk->__sk_common.skc_bound_dev_if))
		tuple->interface = READ_HEAD(&head, sk, skc_bound_dev_if);
	return true;
}

/* False for a socket of another family. `tuple` must have been initialised. */
static __always_inline bool read_tuple(const struct sock *sk, struct tuple *tuple)
{
	return read_tuple_at((__u64)sk, tuple);
}
