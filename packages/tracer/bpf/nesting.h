/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The kernel skips a program on a CPU where it runs already: raw tracepoint programs since 6.1 (__bpf_trace_run),
 * those of perf events (trace_call_bpf) always. That happens: a process closes one socket, and before the program is
 * done an interrupt comes in whose softirq handles a packet that ends another connection. Two programs are therefore
 * attached to the same tracepoint, the second of which does what the first was prevented from doing. Softirqs do not
 * nest, so of the two at least one is free, and runs.
 *
 * Since 7.0 a process can also be preempted in the middle of a raw tracepoint program, which keeps the CPU's other
 * processes from that program for a while; not so a program on the perf event of the tracepoint, which takes the place
 * of the first one there.
 *
 * Runs that both missed all the same are known by their number: what the kernel kept from the first, less what the
 * second did in its place.
 */
#pragma once

#include "statistics.h"

#define TAKEN_CHANGES 4

struct taken {
	/* Changes of state that the first program has taken on, and the second has not come to yet; 0 is none. */
	__u64 changes[TAKEN_CHANGES];
	/* The second program is running: in an interrupt of it, the first finds no second. */
	__u64 second_runs;
};

/* Inserted by the kernel with the map, never deleted. Written by both programs, each on its own CPU's value. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct taken);
} taken SEC(".maps");

static __always_inline volatile struct taken *own_taken(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&taken, &zero);
}

/* One word, so that no interrupt sees half of it. The first byte of a kernel address tells nothing. */
static __always_inline __u64 change_of(const struct sock *sk, int from, int to)
{
	return (__u64)sk << 8 | from << 4 | to;
}

/* For the first program: leaves word for the second. */
static __always_inline void take(const struct sock *sk, int from, int to)
{
	volatile struct taken *own = own_taken();
	__u64 change = change_of(sk, from, to);

	if (!own || own->second_runs)
		return;
#pragma unroll
	for (int i = 0; i < TAKEN_CHANGES; i++) {
		/* The word may still be there from an earlier time, if the second program was kept from coming. */
		if (!own->changes[i] || own->changes[i] == change) {
			own->changes[i] = change;
			return;
		}
	}
	own->changes[0] = change;
}

static __always_inline void stand_in(void)
{
	struct statistics *own = own_statistics();

	if (own)
		count(&own->stood_in);
}

/* For the second program: whether it stands in for the first. If so, leave() has to follow. */
static __always_inline bool enter(const struct sock *sk, int from, int to)
{
	volatile struct taken *own = own_taken();
	__u64 change = change_of(sk, from, to);

	/* Nested in itself, on a kernel that skips no program: then the first was not skipped either. */
	if (!own || own->second_runs)
		return false;
	own->second_runs = 1;
#pragma unroll
	for (int i = 0; i < TAKEN_CHANGES; i++) {
		if (own->changes[i] == change) {
			own->changes[i] = 0;
			own->second_runs = 0;
			return false;
		}
	}
	stand_in();
	return true;
}

static __always_inline void leave(void)
{
	volatile struct taken *own = own_taken();

	if (own)
		own->second_runs = 0;
}
