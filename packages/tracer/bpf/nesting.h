/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The kernel skips a program on a CPU where it runs already: raw tracepoint programs since 6.1 (__bpf_trace_run),
 * those of perf events (trace_call_bpf) always. That happens: a process closes one socket, and before the program is
 * done an interrupt comes in whose softirq handles a packet that ends another connection. Two programs are therefore
 * attached to the same tracepoint, the second of which does what the first was prevented from doing. Softirqs do not
 * nest, so of the two at least one is free, and runs.
 *
 * Since 6.13 (CONFIG_PREEMPT_LAZY) a process can also be preempted in the middle of a raw tracepoint program, which keeps the CPU's other
 * processes from that program for a while; not so a program on the perf event of the tracepoint, which takes the place
 * of the first one there.
 *
 * Runs that both missed all the same are known by their number: what the kernel kept from the first, less what the
 * second did in its place.
 */
#pragma once

#include "statistics.h"

#define TAKEN_CHANGES 4
/* A word that is older than so many changes on its CPU was left by a run whose second program never came. */
#define TAKEN_LIFETIME 1024

/* A change of state that the first program has taken on, and the second has not come to yet; `change` 0 is none. */
struct taken_change {
	__u64 change;
	__u32 tid; /* the thread that runs, or that was interrupted */
	__u32 number;
};

struct taken {
	struct taken_change changes[TAKEN_CHANGES];
	__u32 number; /* of the newest word */
	/* The second program stands in: in an interrupt of it, the first finds no second. */
	__u32 second_runs;
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

static __always_inline bool is_valid(const volatile struct taken *own, int i)
{
	return own->changes[i].change && own->number - own->changes[i].number < TAKEN_LIFETIME;
}

/* For the first program: leaves word for the second. */
static __always_inline void take(const struct sock *sk, int from, int to)
{
	volatile struct taken *own = own_taken();
	__u32 place;

	if (!own || own->second_runs)
		return;
	own->number++;
	place = own->number;
#pragma unroll
	for (int i = 0; i < TAKEN_CHANGES; i++) {
		if (!is_valid(own, i))
			place = i;
	}
	place &= TAKEN_CHANGES - 1;
	own->changes[place].tid = bpf_get_current_pid_tgid();
	own->changes[place].number = own->number;
	own->changes[place].change = change_of(sk, from, to);
}

/*
 * Whether the first program has left word of a change. Words that this thread left after that one are of interrupts
 * which came since the second program was entered, and kept theirs from coming: nobody else will take them away.
 */
static __always_inline bool was_taken(volatile struct taken *own, __u64 change)
{
	__u32 tid = bpf_get_current_pid_tgid(), age = TAKEN_LIFETIME;

#pragma unroll
	for (int i = 0; i < TAKEN_CHANGES; i++) {
		if (own->changes[i].change == change && own->changes[i].tid == tid && is_valid(own, i))
			age = own->number - own->changes[i].number;
	}
	if (age == TAKEN_LIFETIME)
		return false;
#pragma unroll
	for (int i = 0; i < TAKEN_CHANGES; i++) {
		if (own->changes[i].tid == tid && own->number - own->changes[i].number <= age)
			own->changes[i].change = 0;
	}
	return true;
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

	/* Nested in itself, on a kernel that skips no program: then the first was not skipped either. */
	if (!own || own->second_runs || was_taken(own, change_of(sk, from, to)))
		return false;
	own->second_runs = 1;
	stand_in();
	return true;
}

static __always_inline void leave(void)
{
	volatile struct taken *own = own_taken();

	if (own)
		own->second_runs = 0;
}
