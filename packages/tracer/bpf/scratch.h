/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Memory in which an event for a perf buffer is filled: it is too large for the stack. */
#pragma once

#include "event.h"

/* One for a program in process context, one for a softirq on top of it, one for an interrupt, one to spare. */
#define SCRATCH_EVENTS 4

struct scratch {
	__u64 in_use;
	struct tcp_event events[SCRATCH_EVENTS];
};

/*
 * Inserted by the kernel with the map, never deleted. Programs nest on a CPU and end in the opposite order, so the events
 * are a stack: each program uses the next event of its own CPU's value and gives it back.
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
	place = own->in_use;
	if (place >= SCRATCH_EVENTS)
		return NULL;
	own->in_use = place + 1;
	return &own->events[place];
}

static __always_inline void give_scratch_back(void)
{
	struct scratch *own = own_scratch();

	if (own)
		own->in_use--;
}
