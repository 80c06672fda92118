/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Datagrams at the root cgroup's packet hooks, for kernels whose functions cannot be hooked. They need only the
 * kernel's types of a task's namespaces.
 *
 * A datagram counts as sent when it passes the host's filters on its way out, as received when it arrives at a socket,
 * read or not. Packets are seen in the context of any process, so the owner is the process that created the socket, if that
 * was seen. The copy that the kernel makes of a multicast datagram for this host has no socket, and is not counted.
 */
#pragma once

#include "udp-flow.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD

/* The process and the network namespace in which a socket is created. */
static __always_inline int made(struct bpf_sock *ctx)
{
	struct task_struct___namespaces *task = (void *)bpf_get_current_task();
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct udp_socket fresh = {};
	__u64 thread = bpf_get_current_pid_tgid();

	if (ctx->protocol != IPPROTO_UDP)
		return 1;
	identify_socket(&fresh.id);
	fresh.owner.pid = thread >> 32;
	fresh.owner.tid = thread;
	read_uid_and_comm(&fresh.owner);
	read_names(&fresh.owner);
	if (bpf_core_field_exists(task->nsproxy))
		fresh.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	bpf_map_update_elem(&udp_sockets, &cookie, &fresh, BPF_ANY);
	return 1;
}

/* Reads both addresses. Returns the length of the IP header, or 0 where no UDP datagram begins. */
static __always_inline __u32 read_packet(struct __sk_buff *ctx, __u8 source[16], __u8 destination[16])
{
	__u8 header[40];

	if (ctx->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(ctx, 0, header, 20) < 0 || header[9] != IPPROTO_UDP)
			return 0;
		/* A later fragment. Datagrams of the socket are not cut into fragments yet, and those of peers are already joined. */
		if ((header[6] & 0x1f) | header[7])
			return 0;
		write_ipv4(source, *(__be32 *)(header + 12));
		write_ipv4(destination, *(__be32 *)(header + 16));
		return (header[0] & 15) * 4;
	}
	if (ctx->protocol != bpf_htons(ETH_P_IPV6) || bpf_skb_load_bytes(ctx, 0, header, 40) < 0)
		return 0;
	/* Options between the headers are rare and unbounded, so such packets are not counted. */
	if (header[6] != IPPROTO_UDP)
		return 0;
	__builtin_memcpy(source, header + 8, 16);
	__builtin_memcpy(destination, header + 24, 16);
	return 40;
}

static __always_inline int packet(struct __sk_buff *ctx, bool is_sent)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct udp_traffic traffic = {.is_sent = is_sent};
	const struct bpf_sock *sk = ctx->sk;
	struct udp_socket *socket;
	struct udp_key key = {};
	struct udp_flow *flow;
	__be16 ports[3];
	__u32 start;

	start = is_sent ? read_packet(ctx, key.tuple.local_address, key.tuple.peer_address)
			: read_packet(ctx, key.tuple.peer_address, key.tuple.local_address);
	if (!start || !cookie || bpf_skb_load_bytes(ctx, start, ports, sizeof(ports)) < 0)
		return 1;
	key.tuple.local_port = bpf_ntohs(ports[is_sent ? 0 : 1]);
	key.tuple.peer_port = bpf_ntohs(ports[is_sent ? 1 : 0]);
	traffic.datagrams = ctx->gso_segs ?: 1;
	traffic.bytes = bpf_ntohs(ports[2]) - UDP_HEADER_LENGTH;

	socket = bpf_map_lookup_elem(&udp_sockets, &cookie);
	if (!socket) {
		struct udp_socket fresh = {};

		identify_socket(&fresh.id);
		bpf_map_update_elem(&udp_sockets, &cookie, &fresh, BPF_NOEXIST);
		socket = bpf_map_lookup_elem(&udp_sockets, &cookie);
	}
	if (!socket) {
		lose_traffic(&traffic);
		return 1;
	}
	key.socket = socket->id;
	key.tuple.netns = socket->netns;
	set_interface(&key.tuple, sk ? sk->bound_dev_if : 0, ctx->ifindex);
	flow = bpf_map_lookup_elem(&udp_flows, &key);
	if (flow) {
		add_traffic(flow, &traffic);
	} else {
		struct udp_flow fresh = {};

		fresh.cookie = cookie;
		fresh.process = socket->owner;
		begin_flow(&key, &fresh, &traffic);
	}
	return 1;
}
