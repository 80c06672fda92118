/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The Internet checksum: sums of 16-bit words as a little-endian machine loads them, which swaps the result. */
#pragma once

#include "kernel.h"

/* Folds a sum of words, or of pairs of words, to 16 bits. */
static __always_inline __u16 fold_sum(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Sums a small number of words, such as an IPv4 header without options or an IPv6 address. */
static __always_inline __u64 sum_words(const void *start, __u32 words)
{
	const __u16 *word = start;
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < words; i++)
		sum += word[i];
	return sum;
}
