// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Walks over the TCP sockets of the network namespace in which the iterator was opened, and writes of each connection what
 * sock_diag reports, without the rest of struct tcp_info, which takes the kernel longer. Each read is a walk.
 */
#include <bpf/bpf_endian.h>

#include "event.h"
#include "kernel.h"

#define TCP_NEW_SYN_RECV 12

enum walked_flag {
	WALKED_HAS_COUNTERS = 1 << 0,
	WALKED_IPV6 = 1 << 1,
	/* A subflow of MPTCP: which connection it belongs to, sock_diag knows. */
	WALKED_SUBFLOW = 1 << 2,
};

/* A connection. What is from struct tcp_info has its name and unit, but for the times. */
struct walked_socket {
	__u64 cookie;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u32 segs_out;
	__u32 segs_in;
	__u32 total_retrans;
	__u32 rtt;
	__u32 send_queue;     /* bytes that are not acknowledged yet */
	__u32 since_sent;     /* jiffies since payload was last sent */
	__u32 since_received; /* jiffies */
	__u32 inode;	      /* 0: no process has the socket */
	__u32 interface;
	__u32 uid;
	__be32 local_address[4]; /* IPv4 mapped */
	__be32 peer_address[4];
	__u16 local_port;
	__u16 peer_port;
	__u8 state;
	__u8 flags; /* bits of enum walked_flag */
	__u16 reserved;
} SHARED;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	unsigned int uid;
};

struct inode___number {
	unsigned long i_ino;
};

struct socket_alloc {
	struct inode___number vfs_inode;
};

struct inet_timewait_sock {
	volatile unsigned char tw_substate;
};

struct tcp_sock___times {
	__u32 lsndtime;
};

struct inet_connection_sock___times {
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};

#pragma clang attribute pop

char LICENSE[] SEC("license") = "GPL";

/* The fields are read directly, for the verifier knows their types here. */
static __always_inline void add_counters(struct tcp_sock *tp, struct walked_socket *to)
{
	__u32 now = bpf_jiffies64();

	to->flags |= WALKED_HAS_COUNTERS;
	if (bpf_core_field_exists(tp->is_mptcp) && BPF_CORE_READ_BITFIELD(tp, is_mptcp))
		to->flags |= WALKED_SUBFLOW;
	to->bytes_acked = tp->bytes_acked;
	to->bytes_received = tp->bytes_received;
	to->bytes_sent = tp->bytes_sent;
	to->bytes_retrans = tp->bytes_retrans;
	to->segs_out = tp->segs_out;
	to->segs_in = tp->segs_in;
	to->total_retrans = tp->total_retrans;
	to->rtt = tp->srtt_us >> 3;
	to->send_queue = tp->write_seq - tp->snd_una;
	to->since_sent = now - ((struct tcp_sock___times *)tp)->lsndtime;
	to->since_received = now - ((struct inet_connection_sock___times *)tp)->icsk_ack.lrcvtime;
}

static __always_inline void add_inode(struct sock *sk, struct walked_socket *to)
{
	struct socket *socket = sk->sk_socket;

	if (socket)
		to->inode = BPF_CORE_READ((struct socket_alloc *)socket, vfs_inode.i_ino);
}

static __noinline int add_ends(struct sock_common *common, struct walked_socket *to)
{
	if (common->skc_family == AF_INET6 && bpf_core_field_exists(common->skc_v6_daddr)) {
		to->flags |= WALKED_IPV6;
		__builtin_memcpy(to->local_address, &common->skc_v6_rcv_saddr, 16);
		__builtin_memcpy(to->peer_address, &common->skc_v6_daddr, 16);
	} else {
		to->local_address[2] = bpf_htonl(0xffff);
		to->local_address[3] = common->skc_rcv_saddr;
		to->peer_address[2] = bpf_htonl(0xffff);
		to->peer_address[3] = common->skc_daddr;
	}
	to->local_port = common->skc_num;
	to->peer_port = bpf_ntohs(common->skc_dport);
	to->interface = common->skc_bound_dev_if;
	return 0;
}

/* The state as sock_diag has it; 0 where there is no connection, or none any more. */
static __always_inline __u8 connection_state(struct sock_common *common)
{
	__u8 state = common->skc_state;

	switch (state) {
	case TCP_LISTEN:
	case TCP_CLOSE:
		return 0;
	case TCP_NEW_SYN_RECV:
		return TCP_SYN_RECV;
	case TCP_TIME_WAIT:
		/* The kernel keeps little of a socket that its process has closed, while the peer still may send. */
		state = BPF_CORE_READ((struct inet_timewait_sock *)common, tw_substate);
		return state == TCP_FIN_WAIT2 ? state : 0;
	default:
		return state;
	}
}

SEC("iter/tcp")
int tcp_walk(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct walked_socket walked = {};
	struct tcp_sock *tp;

	if (!common)
		return 0;
	walked.state = connection_state(common);
	if (!walked.state)
		return 0;
	walked.cookie = bpf_get_socket_cookie(common);
	walked.uid = ctx->uid;
	add_ends(common, &walked);
	tp = bpf_skc_to_tcp_sock(common);
	if (tp) {
		add_counters(tp, &walked);
		add_inode((struct sock *)tp, &walked);
	}
	bpf_seq_write(ctx->meta->seq, &walked, sizeof(walked));
	return 0;
}
