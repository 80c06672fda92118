/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Datagrams at the kernel's functions, in the process that sends or receives.
 *
 * Sending: ip_send_skb and ip6_send_skb get the finished datagram, with its headers; whether it got away is known when
 * they return, and the datagram itself may be gone by then. Several calls that make one datagram (MSG_MORE, UDP_CORK) and
 * one call that makes several (UDP_SEGMENT) are therefore counted as the datagrams that they are.
 *
 * Receiving: skb_consume_udp is called with each datagram that recvmsg() has copied, and the number of bytes that it
 * returns: the bytes delivered, or, to a caller that passes MSG_TRUNC, the datagram's own length. That number is
 * negative where the datagram was only peeked at, unless it is 0. udp_recvmsg shows the flags that the caller passed.
 */
#pragma once

#include "udp-flow.h"

struct udp_pending {
	__u64 sk;
	struct tuple tuple;
	__u32 datagrams;
	__u64 bytes;
};

/* Key: thread (pid_tgid). Inserted when the function that sends a datagram is entered, deleted when it returns. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct udp_pending);
} udp_pending SEC(".maps");

/* How a process receives. */
struct udp_request {
	__u64 length; /* of its buffers */
	__u32 flags;
	__u32 reserved;
};

/*
 * Calls with MSG_PEEK or MSG_TRUNC. Key: thread (pid_tgid). Inserted by such a call, deleted by the thread's next one that
 * is none; entries of threads that have ended are the least recently used.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct udp_request);
} udp_requests SEC(".maps");

/* Whether there ever was such a call: mostly there is none, and no look-up is needed. Never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} udp_requested SEC(".maps");

/* Which argument of udp_recvmsg and udpv6_recvmsg has the flags, from 0: 3, and 4 before 5.19. */
const volatile __u32 flags_argument = 3;

/* A raw socket may have the same protocol. */
static __always_inline bool is_udp(const struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) == IPPROTO_UDP &&
	       BPF_CORE_READ_BITFIELD_PROBED((const struct sock___type *)sk, sk_type) == SOCK_DGRAM;
}

struct headers {
	const unsigned char *network;
	const unsigned char *transport;
};

static __always_inline struct headers read_headers(const struct sk_buff *skb)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	struct headers headers = {
		.network = head + BPF_CORE_READ(skb, network_header),
		.transport = head + BPF_CORE_READ(skb, transport_header),
	};
	return headers;
}

/* The two addresses of an IP header, in its order. */
static __always_inline void read_addresses(const unsigned char *header, __u8 source[16], __u8 destination[16])
{
	__be32 address = 0;
	__u8 version = 0;

	bpf_probe_read_kernel(&version, 1, header);
	if (version >> 4 == 6) {
		bpf_probe_read_kernel(source, 16, header + 8);
		bpf_probe_read_kernel(destination, 16, header + 24);
		return;
	}
	bpf_probe_read_kernel(&address, 4, header + 12);
	write_ipv4(source, address);
	bpf_probe_read_kernel(&address, 4, header + 16);
	write_ipv4(destination, address);
}

static __always_inline __u16 read_port(const unsigned char *at)
{
	__be16 port = 0;

	bpf_probe_read_kernel(&port, 2, at);
	return bpf_ntohs(port);
}

/* Datagrams in one buffer: more than one with UDP_SEGMENT, or where the receiver asks for it (UDP_GRO). */
static __always_inline __u32 count_datagrams(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared =
		(const void *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));

	if (!BPF_CORE_READ(shared, gso_size))
		return 1;
	return BPF_CORE_READ(shared, gso_segs) ?: 1;
}

static __always_inline __u32 socket_netns(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* The socket's cookie; 0 until somebody has asked the kernel for it, as sock_diag does. */
static __always_inline __u64 socket_cookie(const struct sock *sk)
{
	const struct sock___more *with = (const void *)sk;

	if (!bpf_core_field_exists(with->__sk_common.skc_cookie))
		return 0;
	return BPF_CORE_READ(with, __sk_common.skc_cookie.counter);
}

static __always_inline __u32 bound_interface(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
}

/* The interface by which a datagram goes out. */
static __always_inline __u32 route_interface(const struct sk_buff *skb)
{
	const struct dst_entry *route = (const void *)(BPF_CORE_READ(skb, _skb_refdst) & ~SKB_DST_NOREF);

	return route ? BPF_CORE_READ(route, dev, ifindex) : 0;
}

/* The interface on which a datagram over IPv6 came in. */
static __always_inline __u32 arrival_interface(const struct sk_buff *skb)
{
	__u32 interface = 0;

	bpf_probe_read_kernel(&interface, sizeof(interface),
			      (const void *)skb + bpf_core_field_offset(struct sk_buff, cb));
	return interface;
}

/* The flow has a datagram in another process than the one before. */
static __noinline int change_user(const struct udp_key *key)
{
	struct udp_user user = {};

	if (!key)
		return 0;
	read_current(&user.process);
	user.ns = bpf_ktime_get_ns();
	return bpf_map_update_elem(&udp_users, key, &user, BPF_ANY);
}

/* A datagram of the given socket in this process. */
static __noinline int count_call(const struct sock *sk, const struct tuple *tuple, const struct udp_traffic *traffic)
{
	__u64 address = (__u64)sk;
	struct udp_socket *socket;
	struct udp_key key = {};
	struct udp_flow *flow;

	if (!tuple || !traffic)
		return 0;
	socket = bpf_map_lookup_elem(&udp_sockets, &address);
	if (!socket) {
		struct udp_socket fresh = {};

		identify_socket(&fresh.id);
		bpf_map_update_elem(&udp_sockets, &address, &fresh, BPF_NOEXIST);
		socket = bpf_map_lookup_elem(&udp_sockets, &address);
		if (!socket)
			return lose_traffic(traffic);
	}
	key.socket = socket->id;
	key.tuple = *tuple;
	flow = bpf_map_lookup_elem(&udp_flows, &key);
	if (flow) {
		__u32 pid = bpf_get_current_pid_tgid() >> 32;

		if (flow->user != pid && !is_worker()) {
			flow->user = pid;
			change_user(&key);
		}
		if (!flow->cookie)
			flow->cookie = socket_cookie(sk);
		add_traffic(flow, traffic);
	} else {
		struct udp_flow fresh = {};

		fresh.cookie = socket_cookie(sk);
		read_current(&fresh.process);
		begin_flow(&key, &fresh, traffic);
	}
	return 0;
}

static __always_inline int sending(const struct sk_buff *skb)
{
	const struct sock *sk = BPF_CORE_READ(skb, sk);
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_pending pending = {};
	struct headers headers;

	if (!sk || !is_udp(sk))
		return 0;
	headers = read_headers(skb);
	pending.sk = (__u64)sk;
	read_addresses(headers.network, pending.tuple.local_address, pending.tuple.peer_address);
	pending.tuple.local_port = read_port(headers.transport);
	pending.tuple.peer_port = read_port(headers.transport + 2);
	pending.tuple.netns = socket_netns(sk);
	set_interface(&pending.tuple, bound_interface(sk), route_interface(skb));
	pending.bytes = read_port(headers.transport + 4) - UDP_HEADER_LENGTH;
	pending.datagrams = count_datagrams(skb);
	bpf_map_update_elem(&udp_pending, &thread, &pending, BPF_ANY);
	return 0;
}

static __always_inline int sent(int result)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_pending *pending = bpf_map_lookup_elem(&udp_pending, &thread);

	if (!pending)
		return 0;
	if (result >= 0) {
		struct udp_traffic traffic = {.is_sent = true};
		struct tuple tuple = pending->tuple;

		traffic.bytes = pending->bytes;
		traffic.datagrams = pending->datagrams;
		count_call((const void *)pending->sk, &tuple, &traffic);
	}
	bpf_map_delete_elem(&udp_pending, &thread);
	return 0;
}

static __always_inline int receiving(__u64 length, __u32 flags)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 zero = 0;
	__u32 *requested = bpf_map_lookup_elem(&udp_requested, &zero);

	if (!requested)
		return 0;
	if (flags & (MSG_PEEK | MSG_TRUNC)) {
		struct udp_request request = {.length = length, .flags = flags};

		bpf_map_update_elem(&udp_requests, &thread, &request, BPF_ANY);
		*requested = 1;
	} else if (*requested) {
		bpf_map_delete_elem(&udp_requests, &thread);
	}
	return 0;
}

/* Bytes of a datagram that the process received; negative: the datagram was only peeked at. */
static __always_inline int delivered(int length)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 zero = 0;
	__u32 *requested = bpf_map_lookup_elem(&udp_requested, &zero);
	struct udp_request *request;

	if (length < 0 || !requested || !*requested)
		return length;
	request = bpf_map_lookup_elem(&udp_requests, &thread);
	if (!request)
		return length;
	if (request->flags & MSG_PEEK)
		return -1;
	return length > request->length ? request->length : length;
}

static __always_inline int received(const struct sock *sk, const struct sk_buff *skb, int length)
{
	struct udp_traffic traffic = {};
	struct headers headers;
	struct tuple tuple = {};

	length = delivered(length);
	if (length < 0 || !is_udp(sk))
		return 0;
	headers = read_headers(skb);
	read_addresses(headers.network, tuple.peer_address, tuple.local_address);
	tuple.peer_port = read_port(headers.transport);
	tuple.local_port = read_port(headers.transport + 2);
	tuple.netns = socket_netns(sk);
	traffic.bytes = length;
	traffic.datagrams = count_datagrams(skb);
	set_interface(&tuple, bound_interface(sk), arrival_interface(skb));
	return count_call(sk, &tuple, &traffic);
}
