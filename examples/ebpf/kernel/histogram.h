/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* A histogram by powers of two: slot n counts values from 2^n to 2^(n+1) - 1, slot 0 also zeros, the last one all that are greater. */
#pragma once

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#define HISTOGRAM_SLOTS 32

static __always_inline __u32 slot_of(__u64 value)
{
	__u32 slot = 0;

	while (value > 1 && slot < HISTOGRAM_SLOTS - 1) {
		value >>= 1;
		slot++;
	}
	return slot;
}

static __always_inline void count_value(__u64 *slots, __u64 value)
{
	__sync_fetch_and_add(&slots[slot_of(value)], 1);
}
