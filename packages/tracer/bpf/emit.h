/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Handing events to user space. */
#pragma once

#include "config.h"
#include "reads.h"
#include "scratch.h"
#include "statistics.h"

/*
 * Filled by the programs, drained by user space, which sets max_entries (bytes). Where the kernel has no ring buffer,
 * user space makes it a perf event array instead, and puts an event of its own for every CPU into it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

static __always_inline bool is_wanted(enum tcp_event_kind kind)
{
	return wanted_events & (1 << kind);
}

/* Returns room for one event, or NULL. */
static __always_inline struct tcp_event *find_room(void)
{
	return perf_buffer ? take_scratch() : bpf_ringbuf_reserve(&events, sizeof(struct tcp_event), 0);
}

/*
 * For programs that interrupt the kernel anywhere, at a breakpoint or an int3: there bpf_ringbuf_reserve() only tries the
 * ring's lock before Linux 6.15, and another CPU has it for a fraction of a microsecond, or for as long as a virtual CPU is
 * not run.
 */
#define ROOM_TRIES 8

static __always_inline struct tcp_event *find_room_patiently(void)
{
	struct tcp_event *event = find_room();

#pragma unroll
	for (int i = 1; i < ROOM_TRIES; i++) {
		if (!event)
			event = find_room();
	}
	return event;
}

static ONE_COPY void count_produced(enum tcp_event_kind kind, bool lost)
{
	struct statistics *own = own_statistics();

	if (!own)
		return;
	count(&own->produced[kind]);
	if (lost)
		count(&own->lost_ring);
}

/*
 * Returns room for one event, or NULL, which is counted as lost. The caller must pass the event to end_event(). Inlined, so that it is
 * compared with NULL once: the verifier of 5.10 does not know that it is not NULL from then on.
 */
static __always_inline struct tcp_event *reserve_event(enum tcp_event_kind kind)
{
	struct tcp_event *event = find_room();

	if (!event) {
		count_produced(kind, true);
		return NULL;
	}
	count_produced(kind, false);
	return event;
}

/*
 * Fills what all events share. The clock is read after the room was reserved: a reader that reads its own clock and then
 * the end of the ring knows that all records beyond that end will be younger.
 */
static __always_inline void begin_event(struct tcp_event *event, enum tcp_event_kind kind,
					const struct process *process)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->event = kind;
	event->cpu = bpf_get_smp_processor_id();
	event->process = *process;
	if (process->pid)
		event->flags |= EVENT_HAS_PROCESS;
	event->time_ns = bpf_ktime_get_ns();
}

static __always_inline void output_event(void *ctx, struct tcp_event *event)
{
	struct statistics *own;

	if (bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event)) != 0) {
		own = own_statistics();
		if (own)
			count(&own->lost_ring);
	}
	give_scratch_back();
}

static __always_inline void submit_event(struct tcp_event *event)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(event, waiting >= wakeup_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static ONE_COPY void end_event(void *ctx, struct tcp_event *event)
{
	if (perf_buffer)
		output_event(ctx, event);
	else
		submit_event(event);
}
