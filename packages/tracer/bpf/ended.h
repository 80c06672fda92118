/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The last ends. */
#pragma once

#include "nesting.h"

#define LAST_ENDS 4096

/*
 * Addresses of sockets, each at the place that follows from it. Inserted by the kernel with the map, never deleted. Each program
 * notes the end that it has handled: the claim on it is lost among many nested runs, or where the process is moved to another CPU
 * between the two programs (which kernel 7 allows), and then the fallback must not take the connection for one from before the
 * start.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LAST_ENDS);
	__type(key, __u32);
	__type(value, __u64);
} last_ends SEC(".maps");

static __always_inline __u64 *last_end_at(const struct sock *sk)
{
	/* Fibonacci hashing: the upper bits of the product are spread evenly. */
	__u32 place = ((__u64)sk * 0x9E3779B97F4A7C15) >> 32 & (LAST_ENDS - 1);

	return bpf_map_lookup_elem(&last_ends, &place);
}

/* To TCP_CLOSE: whatever was known of the socket is forgotten. */
static __always_inline void note_end(const struct sock *sk)
{
	__u64 *end;

	forget_flow(sk);
	forget_filtered(sk);
	forget_subflows(sk);
	end = last_end_at(sk);
	if (end)
		*end = (__u64)sk;
}

/* For the fallback: whether the first program has handled the end of this socket. */
static __always_inline bool has_just_ended(const struct sock *sk)
{
	volatile struct nested_runs *runs = own_nested_runs();
	__u64 *end = last_end_at(sk);

	return runs && runs->fallback_runs && end && *end == (__u64)sk;
}
