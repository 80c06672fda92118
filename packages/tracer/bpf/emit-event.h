/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Emits events about connections: the part that all of them share. */
#pragma once

#include "emit.h"
#include "flow.h"

static __noinline void fill_event(struct tcp_event *event, enum tcp_event_kind kind, const struct flow *flow,
				  const struct tuple *tuple, const struct process *process)
{
	begin_event(event, kind, process);
	event->flow_ns = flow->id_ns;
	event->flow_cpu = flow->id_cpu;
	event->connection_id = flow->connection_id;
	event->direction = flow->direction;
	event->tuple = *tuple;
	if (!is_mapped(tuple->peer_address))
		event->flags |= EVENT_IPV6;
}
