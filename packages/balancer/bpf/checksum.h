/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Checksums of headers and of packets. */
#pragma once

#include "config.h"
#include "sum.h"

static __always_inline void set_ip_checksum(struct iphdr *ip)
{
	ip->check = 0;
	ip->check = ~fold_sum(sum_words(ip, sizeof(*ip) / 2));
}

/* Bytes that sum_packet() sums in a round of its loop, and in all rounds. */
#define SUM_ROUND 32
#define MAX_SUMMED 9216

/* Sums pairs of words, which fold_sum() adds up. */
static __always_inline __u64 sum_round(const __u64 *at)
{
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < SUM_ROUND / 8; i++)
		sum += (at[i] & 0xffffffff) + (at[i] >> 32);
	return sum;
}

/* Largest offset at which a sum begins. */
#define LAST_SUMMED 256

/* Sums the last bytes, fewer than a round. */
__noinline __u32 sum_rest(struct xdp_md *ctx, __u64 offset, __u32 length)
{
	const void *end = packet_end(ctx);
	const void *at = packet_start(ctx);
	__u64 sum = 0;

	if (offset > LAST_SUMMED + MAX_SUMMED)
		return 0;
	at += offset;
	for (__u32 i = 0; i < SUM_ROUND / 2 && length >= 2; i++) {
		if (at + 2 > end)
			return fold_sum(sum);
		sum += *(__u16 *)at;
		at += 2;
		length -= 2;
	}
	if (length == 1 && at + 1 <= end)
		sum += *(__u8 *)at;
	return fold_sum(sum);
}

/*
 * Sums `length` bytes of a packet, which must exist; no frame is longer than max_frame. Not static, so that the
 * verifier follows the loop once, not at every call.
 */
__noinline __u32 sum_packet(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	const void *end = packet_end(ctx);
	const void *at = packet_start(ctx);
	__u64 sum = 0;

	if (offset > LAST_SUMMED)
		return 0;
	at += offset;
	for (__u32 i = 0; i < MAX_SUMMED && i < max_frame && length >= SUM_ROUND; i += SUM_ROUND) {
		if (at + SUM_ROUND > end)
			return fold_sum(sum);
		sum += sum_round(at);
		at += SUM_ROUND;
		length -= SUM_ROUND;
		offset += SUM_ROUND;
	}
	return fold_sum(sum + sum_rest(ctx, offset, length));
}
