/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "event.h"

/* Inserted by the kernel with the map, never deleted. Programs add to their own CPU's value; user space sums. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct statistics);
} statistics SEC(".maps");

/* Programs nest: a softirq may run one in the middle of another, on the same CPU. */
static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline struct statistics *own_statistics(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&statistics, &zero);
}
