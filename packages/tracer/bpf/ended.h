/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The last ends on each CPU. */
#pragma once

#include "nesting.h"

#define LAST_ENDS 8

struct last_ends {
	__u64 sockets[LAST_ENDS];
	__u64 number;
};

/*
 * Inserted by the kernel with the map, never deleted. Each program notes the end that it has handled, on its own CPU: where
 * the fallback follows an end by mistake, because the claim on it was lost among many nested runs, it must not take the
 * connection for one from before the start.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct last_ends);
} last_ends SEC(".maps");

/* To TCP_CLOSE: whatever was known of the socket is forgotten. */
static __always_inline void note_end(const struct sock *sk)
{
	struct last_ends *own;
	__u32 zero = 0;

	forget_flow(sk);
	forget_filtered(sk);
	forget_subflows(sk);
	own = bpf_map_lookup_elem(&last_ends, &zero);
	if (own)
		own->sockets[own->number++ % LAST_ENDS] = (__u64)sk;
}

/* For the fallback: whether the first program has handled the end of this socket. */
static __always_inline bool has_just_ended(const struct sock *sk)
{
	volatile struct nested_runs *runs = own_nested_runs();
	struct last_ends *own;
	__u32 zero = 0;

	own = bpf_map_lookup_elem(&last_ends, &zero);
	if (!own || !runs || !runs->fallback_runs)
		return false;
#pragma unroll
	for (int i = 0; i < LAST_ENDS; i++) {
		if (own->sockets[i] == (__u64)sk)
			return true;
	}
	return false;
}
