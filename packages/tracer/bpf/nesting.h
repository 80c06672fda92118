/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Since 6.1 the kernel skips a raw tracepoint program on a CPU where that program runs already
 * (__bpf_trace_run, kernel/trace/bpf_trace.c). That happens: a process closes one socket, and before the program is
 * done an interrupt comes in whose softirq handles a packet that ends another connection. Two programs are therefore
 * attached to the same tracepoint, the second of which does what the first was prevented from doing. Softirqs do not
 * nest, so of the two at least one is free, and runs.
 */
#pragma once

#include "kernel.h"

#define RECENT_CHANGES 4

/* Changes of state that the first program has taken on, and the second has not come to yet; 0 is none. */
struct taken {
	__u64 changes[RECENT_CHANGES];
	__u64 count;
};

/* Inserted by the kernel with the map, never deleted. Written by both programs, each on its own CPU's value. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct taken);
} taken SEC(".maps");

static __always_inline struct taken *own_taken(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&taken, &zero);
}

/* One word, so that no interrupt sees half of it. The first byte of a kernel address tells nothing. */
static __always_inline __u64 change_of(const struct sock *sk, int from, int to)
{
	return (__u64)sk << 8 | from << 4 | to;
}

static __always_inline void take(const struct sock *sk, int from, int to)
{
	struct taken *own = own_taken();

	if (own)
		own->changes[own->count++ % RECENT_CHANGES] = change_of(sk, from, to);
}

/* Whether the first program has taken this change on; asked once. */
static __always_inline bool was_taken(const struct sock *sk, int from, int to)
{
	struct taken *own = own_taken();
	__u64 change = change_of(sk, from, to);

	if (!own)
		return true;
#pragma unroll
	for (int i = 0; i < RECENT_CHANGES; i++) {
		if (own->changes[i] == change) {
			own->changes[i] = 0;
			return true;
		}
	}
	return false;
}
