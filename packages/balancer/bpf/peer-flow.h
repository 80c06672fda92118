/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Flows that balancers share: those that others have sent, and the new ones of this balancer. */
#pragma once

#include "config.h"
#include "flow-table.h"
#include "global-flow.h"

/* `real` is a real's handle, maybe with FLOW_RULE; `used` is a time of cpu_now(), for UDP flows. */
struct peer_flow {
	__u32 real;
	__u32 used;
} SHARED;

/*
 * Flows of other balancers, which any CPU may get next. User space sets max_entries, inserts and deletes; the kernel
 * evicts the least recently used. It is looked up only for flows that this CPU does not know.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct global_flow);
	__type(value, struct peer_flow);
} peer_flows SEC(".maps");

/* A flow that has become known. */
struct new_flow {
	struct global_flow flow;
	__u32 real; /* handle, maybe with FLOW_RULE */
	__u32 reserved;
} SHARED;

/* A buffer for each CPU. User space inserts them and sets max_entries; programs write. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} new_flows SEC(".maps");

/* Returns the handle of the flow's real, maybe with FLOW_RULE; 0 if nobody has sent it, or if it has ended. */
static __noinline __u32 find_peer_flow(const struct packet *packet, __u32 now)
{
	struct global_flow key = {};
	const struct peer_flow *known;

	set_global_flow(&key, packet);
	known = bpf_map_lookup_elem(&peer_flows, &key);
	if (!known || (packet->protocol == IPPROTO_UDP && (__s32)(now - known->used) > (__s32)udp_idle_ticks))
		return 0;
	return known->real;
}

static __noinline long output_new_flow(struct xdp_md *ctx, struct new_flow *record)
{
	return bpf_perf_event_output(ctx, &new_flows, BPF_F_CURRENT_CPU, record, sizeof(*record));
}

/* Reports a flow that has become known, for the other balancers. */
static __noinline long report_flow(struct xdp_md *ctx, const struct packet *packet, __u32 real)
{
	struct new_flow record = {.real = real};

	set_global_flow(&record.flow, packet);
	return output_new_flow(ctx, &record);
}
