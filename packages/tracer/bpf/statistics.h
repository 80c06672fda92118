/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "event.h"

/*
 * An element a CPU, which programs on it add to, and user space sums; it sets the number. No per-CPU array, which cannot be mapped into
 * memory: where a process is preempted in a system call that reads a map, its CPU runs no program of a kprobe or a perf event meanwhile
 * (bpf_disable_instrumentation).
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
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
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&statistics, &cpu);
}
