/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Handing events to user space. */
#pragma once

#include "flow.h"

/* Filled by the programs, drained by user space, which sets max_entries (bytes). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

static __always_inline bool is_wanted(enum tcp_event_kind kind)
{
	return wanted_events & (1 << kind);
}

/* Room for one event, or NULL, which is counted. */
static __always_inline struct tcp_event *reserve_event(enum tcp_event_kind kind)
{
	struct statistics *own = own_statistics();
	struct tcp_event *event;

	if (!own)
		return NULL;
	count(&own->produced[kind]);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		count(&own->lost_ring);
	return event;
}

/*
 * What all events share. The clock is read after the room was reserved: a reader that looks at its own clock and then
 * at the end of the ring knows that all records beyond that end will be younger.
 */
static __noinline void fill_event(struct tcp_event *event, enum tcp_event_kind kind, const struct flow *flow,
				  const struct tuple *tuple, const struct process *process)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->event = kind;
	event->cpu = bpf_get_smp_processor_id();
	event->flow_ns = flow->id_ns;
	event->flow_cpu = flow->id_cpu;
	event->direction = flow->direction;
	event->tuple = *tuple;
	if (!is_mapped(tuple->peer_address))
		event->flags |= EVENT_IPV6;
	event->process = *process;
	if (process->pid)
		event->flags |= EVENT_HAS_PROCESS;
	event->time_ns = bpf_ktime_get_ns();
}

static __always_inline void end_event(struct tcp_event *event)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(event, waiting >= wakeup_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}
