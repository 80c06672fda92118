// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * For measurements by BPF_PROG_TEST_RUN with `repeat`, where each round starts with the packet that the round before
 * left: restores the packet, with another flow's source, and then calls the measured program.
 */
#include "kernel.h"

#define FRAME_WORDS 16
/* Bytes of an outer IPv4 header. */
#define ADDED 20

struct sample {
	__u64 round;
	__u32 multiplier;    /* odd; decides the order of flows */
	__u32 mask;	     /* number of flows, a power of two, minus one */
	__u32 source_offset; /* in the frame, of the 32 bits in network order to which the flow's number is added */
	__u32 first;	     /* number of the first flow */
	__u64 frame[FRAME_WORDS];
};

/* User space fills it; the program counts rounds. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample);
} samples SEC(".maps");

/* Slot 0: the measured program. User space inserts it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} measured SEC(".maps");

SEC("xdp")
int prologue(struct xdp_md *ctx)
{
	__u32 zero = 0, flow, offset;
	struct sample *sample = bpf_map_lookup_elem(&samples, &zero);
	int surplus = packet_end(ctx) - packet_start(ctx) - (int)sizeof(sample->frame);
	__u64 *frame;
	__u32 *source;

	if (!sample || (surplus && bpf_xdp_adjust_head(ctx, surplus)))
		return XDP_ABORTED;
	frame = packet_start(ctx);
	if ((void *)(frame + FRAME_WORDS) > packet_end(ctx))
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < FRAME_WORDS; i++)
		frame[i] = sample->frame[i];
	flow = ((__u32)sample->round++ * sample->multiplier & sample->mask) + sample->first;
	offset = sample->source_offset;
	if (offset >= sizeof(sample->frame))
		return XDP_ABORTED;
	source = (void *)frame + offset;
	if ((void *)(source + 1) > packet_end(ctx))
		return XDP_ABORTED;
	*source = bpf_htonl(bpf_ntohl(*source) + flow);
	bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

/* The cost of a measurement itself, where the measured program leaves the packet's length as it is. */
SEC("xdp")
int nothing(struct xdp_md *ctx)
{
	return XDP_TX;
}

/*
 * After a program that adds a header, the prologue removes it, which is part of the measurement's cost, whereas adding it
 * is part of the program's. The two programs differ by one call that adds, so twice the first less the second leaves the
 * prologue with its removal.
 */
SEC("xdp")
int add_once(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -ADDED) ? XDP_ABORTED : XDP_TX;
}

SEC("xdp")
int add_twice(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_head(ctx, -ADDED / 2))
		return XDP_ABORTED;
	return bpf_xdp_adjust_head(ctx, -ADDED / 2) ? XDP_ABORTED : XDP_TX;
}

/* The same for a program that removes a header, which the prologue makes room for again. */
SEC("xdp")
int remove_once(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, ADDED) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int remove_twice(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_head(ctx, ADDED / 2))
		return XDP_ABORTED;
	return bpf_xdp_adjust_head(ctx, ADDED / 2) ? XDP_ABORTED : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
