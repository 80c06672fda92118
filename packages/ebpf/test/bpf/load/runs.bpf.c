// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Programs for test runs: a packet that is changed, a context that is changed, arguments of a tracepoint.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 sum;

SEC("xdp")
int change_packet(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	if (data + 14 > (unsigned char *)(long)ctx->data_end)
		return XDP_ABORTED;
	data[0] = 0xaa;
	return XDP_TX;
}

SEC("xdp")
int count_frame(struct xdp_md *ctx)
{
	sum++;
	return XDP_DROP;
}

SEC("tc")
int change_mark(struct __sk_buff *skb)
{
	skb->mark = skb->priority + 1;
	return 5;
}

SEC("raw_tp/sched_wakeup")
int add_arguments(struct bpf_raw_tracepoint_args *ctx)
{
	sum = ctx->args[0] + ctx->args[1];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
