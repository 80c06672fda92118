// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// TCP congestion controls, one put in force by its map alone and one by a link.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock;

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
	// A member that no kernel has, and that is not set.
	void (*weir_nothing)(struct sock *sk);
};

__u64 avoided, acknowledged;

SEC("struct_ops/threshold")
__u32 threshold(unsigned long long *ctx)
{
	return 2;
}

SEC("struct_ops/avoid")
void avoid(unsigned long long *ctx)
{
	__sync_fetch_and_add(&avoided, 1);
	__sync_fetch_and_add(&acknowledged, (__u32)ctx[2]);
}

SEC("struct_ops/undo")
__u32 undo(unsigned long long *ctx)
{
	return 2;
}

SEC(".struct_ops")
struct tcp_congestion_ops plain = {
	.ssthresh = (void *)threshold,
	.cong_avoid = (void *)avoid,
	.undo_cwnd = (void *)undo,
	.name = "bpf_weir",
};

SEC("?.struct_ops.link")
struct tcp_congestion_ops linked = {
	.ssthresh = (void *)threshold,
	.cong_avoid = (void *)avoid,
	.undo_cwnd = (void *)undo,
	.name = "bpf_weir_link",
};

char LICENSE[] SEC("license") = "GPL";
