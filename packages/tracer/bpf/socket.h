/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Reading a struct sock. */
#pragma once

#include <bpf/bpf_endian.h>

#include "event.h"

/* Where the protocol is not known, every socket with TCP's states counts as TCP. */
static __always_inline bool is_tcp(const struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_protocol))
		return true;
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline __u8 socket_state(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state);
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

/* False for a socket of another family. */
static __noinline bool read_tuple(const struct sock *sk, struct tuple *tuple)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&tuple->local_address, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&tuple->peer_address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	} else if (family == AF_INET) {
		map_ipv4(tuple->local_address, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(tuple->peer_address, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else {
		return false;
	}
	/* The kernel clears skc_num before it reports the change to TCP_CLOSE; inet_sport stays. */
	tuple->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (!tuple->local_port)
		tuple->local_port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	tuple->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	tuple->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	return true;
}
