/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Where an event is put together that a perf buffer is to copy: too large for the stack beside all else. */
#pragma once

#include "event.h"

/* A program in process context, one in a softirq on top of it, one in an interrupt, one to spare. */
#define SCRATCH_EVENTS 4

struct scratch {
	__u64 taken;
	struct tcp_event events[SCRATCH_EVENTS];
};

/*
 * Inserted by the kernel with the map, never deleted. Programs nest on a CPU and end in the opposite order, so that it
 * is a stack: each takes the next event of its own CPU's value and gives it back.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline struct scratch *own_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline struct tcp_event *take_scratch(void)
{
	struct scratch *own = own_scratch();
	__u64 place;

	if (!own)
		return NULL;
	place = own->taken;
	if (place >= SCRATCH_EVENTS)
		return NULL;
	own->taken = place + 1;
	return &own->events[place];
}

static __always_inline void give_scratch_back(void)
{
	struct scratch *own = own_scratch();

	if (own)
		own->taken--;
}
