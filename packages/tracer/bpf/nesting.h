/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The nested-run fallback: two programs on one tracepoint.
 *
 * The kernel skips a program on a CPU where it runs already: raw tracepoint programs since 6.1 (__bpf_trace_run), those
 * of perf events (trace_call_bpf) always. This happens when a process closes one socket, and before the program is done an
 * interrupt comes whose softirq handles a packet that ends another connection. Two programs are therefore attached to the
 * same tracepoint, and the second handles what the first was prevented from handling. Softirqs do not nest, so at least one
 * of the two is free, and runs.
 *
 * Since 6.13 (CONFIG_PREEMPT_LAZY) a process can also be preempted in the middle of a raw tracepoint program, which keeps
 * the CPU's other processes from that program for a while. A program on the perf event of the tracepoint cannot be preempted,
 * so there it takes the place of the first one.
 *
 * Runs that both missed are still counted: the runs that the kernel kept from the first, less those in which the second
 * stepped in.
 */
#pragma once

#include "statistics.h"

#define CLAIMED_CHANGES 4
/* A claim that is older than this many changes on its CPU is left over from a run whose second program never ran. */
#define CLAIM_LIFETIME 1024

/* A change of state that the first program handles and the second has not reached yet; `change` 0 is none. */
struct claimed_change {
	__u64 change;
	__u32 tid; /* the thread that runs, or that was interrupted */
	__u32 number;
};

struct nested_runs {
	struct claimed_change changes[CLAIMED_CHANGES];
	__u32 number; /* of the newest claim */
	/* The second program runs as the fallback: in an interrupt of it, no second program follows the first. */
	__u32 fallback_runs;
};

/* Inserted by the kernel with the map, never deleted. Written by both programs, each on its own CPU's value. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nested_runs);
} nested_runs SEC(".maps");

static __always_inline volatile struct nested_runs *own_nested_runs(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&nested_runs, &zero);
}

/* One word, so that no interrupt sees half of it. The first byte of a kernel address is always the same. */
static __always_inline __u64 change_of(const struct sock *sk, int from, int to)
{
	return (__u64)sk << 8 | from << 4 | to;
}

static __always_inline bool is_valid(const volatile struct nested_runs *own, int i)
{
	return own->changes[i].change && own->number - own->changes[i].number < CLAIM_LIFETIME;
}

/* Where a claim can be put although the first place is in use: where none is valid, else anywhere. */
static __noinline int place_of_claim(volatile struct nested_runs *own)
{
	int place;

	if (!own)
		return 0;
	place = own->number & (CLAIMED_CHANGES - 1);
#pragma unroll
	for (int i = 0; i < CLAIMED_CHANGES; i++) {
		if (!is_valid(own, i))
			place = i;
	}
	return place;
}

/* For the first program: claims a change, so that the second leaves it alone. */
static __always_inline void claim_change(const struct sock *sk, int from, int to)
{
	volatile struct nested_runs *own = own_nested_runs();
	volatile struct claimed_change *claim;

	if (!own || own->fallback_runs)
		return;
	own->number++;
	claim = &own->changes[0];
	/* Only a nested run finds the first place in use. */
	if (claim->change)
		claim = &own->changes[place_of_claim(own) & (CLAIMED_CHANGES - 1)];
	claim->tid = bpf_get_current_pid_tgid();
	claim->number = own->number;
	claim->change = change_of(sk, from, to);
}

/*
 * Removes the claim of a thread on a change; false if there is none. Later claims of this thread are from interrupts that came
 * after the second program was entered, which kept their own second program from running: nobody else will remove them.
 */
static __noinline int remove_claim(volatile struct nested_runs *own, __u64 change, __u32 tid)
{
	__u32 age = CLAIM_LIFETIME;

	if (!own)
		return false;
#pragma unroll
	for (int i = 0; i < CLAIMED_CHANGES; i++) {
		__u32 claimed = own->number - own->changes[i].number;

		if (own->changes[i].change == change && own->changes[i].tid == tid && claimed < CLAIM_LIFETIME)
			age = claimed;
	}
	if (age == CLAIM_LIFETIME)
		return false;
#pragma unroll
	for (int i = 0; i < CLAIMED_CHANGES; i++) {
		if (own->changes[i].tid == tid && own->number - own->changes[i].number <= age)
			own->changes[i].change = 0;
	}
	return true;
}

/* Whether the first program has claimed a change. */
static __always_inline bool was_claimed(volatile struct nested_runs *own, __u64 change)
{
	volatile struct claimed_change *first = &own->changes[0];
	__u32 tid = bpf_get_current_pid_tgid();

	/* The newest claim of all, in the first place: no interrupt came between. */
	if (first->change == change && first->tid == tid && first->number == own->number) {
		first->change = 0;
		return true;
	}
	return remove_claim(own, change, tid);
}

static __always_inline void count_fallback(void)
{
	struct statistics *own = own_statistics();

	if (own)
		count(&own->fallback_runs);
}

/* For the second program: whether it has to handle a change for the first. If so, end_fallback() must follow. */
static __always_inline bool begin_fallback(const struct sock *sk, int from, int to)
{
	volatile struct nested_runs *own = own_nested_runs();

	/* Nested in itself, on a kernel that skips no program: the first was not skipped either. */
	if (!own || own->fallback_runs || was_claimed(own, change_of(sk, from, to)))
		return false;
	own->fallback_runs = 1;
	count_fallback();
	return true;
}

static __always_inline void end_fallback(void)
{
	volatile struct nested_runs *own = own_nested_runs();

	if (own)
		own->fallback_runs = 0;
}

/* Whether the second program runs for the first, and may repeat what that one did: a claim can get lost. */
static __always_inline bool is_fallback(void)
{
	volatile struct nested_runs *own = own_nested_runs();

	return own && own->fallback_runs;
}
