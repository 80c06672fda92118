/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Samples of packets, with the reasons for their verdicts. */
#pragma once

#include "cpu.h"
#include "outcome.h"

struct captured {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	struct outcome outcome;
	__u32 verdict; /* enum xdp_action */
	__u32 frame;   /* the whole frame as it leaves, bytes */
	__u32 bytes;   /* of the frame that follow this struct */
} SHARED;

/*
 * A buffer for each CPU. User space inserts them and sets max_entries; programs write. Perf buffers copy a packet's
 * bytes directly from the frame; a record is struct captured, then these bytes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} captures SEC(".maps");

static __noinline long output_capture(struct xdp_md *ctx, struct captured *captured)
{
	__u64 flags = (__u64)captured->bytes << 32 | BPF_F_CURRENT_CPU;

	return bpf_perf_event_output(ctx, &captures, flags, captured, sizeof(*captured));
}

static __noinline long write_capture(struct xdp_md *ctx, const struct outcome *outcome, __u32 verdict)
{
	struct captured captured = {
		.time_ns = bpf_ktime_get_ns(),
		.outcome = *outcome,
		.verdict = verdict,
		.frame = packet_end(ctx) - packet_start(ctx),
		.bytes = capture_bytes,
	};

	if (captured.bytes > CAPTURE_BYTES)
		captured.bytes = CAPTURE_BYTES;
	if (captured.bytes > captured.frame)
		captured.bytes = captured.frame;
	return output_capture(ctx, &captured);
}

static __always_inline void capture(struct xdp_md *ctx, struct cpu *cpu, const struct outcome *outcome, __u32 verdict)
{
	__u32 every = capture_every;

	if (!every || !(capture_reasons >> (outcome->reason & 63) & 1) || (capture_misses && !cpu->is_miss) ||
	    ++cpu->capture_turn < every)
		return;
	cpu->capture_turn = 0;
	write_capture(ctx, outcome, verdict);
}
