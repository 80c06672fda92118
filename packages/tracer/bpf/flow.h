/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The table of connections that are followed. */
#pragma once

#include "current.h"
#include "filter.h"
#include "socket.h"
#include "statistics.h"

enum flow_flag {
	/* The handshake is over. */
	FLOW_ESTABLISHED = 1 << 0,
	/* Established, but not seen to be accepted yet. */
	FLOW_UNACCEPTED = 1 << 1,
	/* The application has closed: `closer` and `closing_ns` are known. */
	FLOW_CLOSING = 1 << 2,
	/* The peer's FIN came before the application's close. */
	FLOW_PEER_FIRST = 1 << 3,
	/* Its `close` has been emitted. */
	FLOW_CLOSE_EMITTED = 1 << 4,
};

struct flow {
	__u64 id_ns;	  /* with id_cpu, the connection's identity */
	__u64 start_ns;	  /* SYN sent, or accepted; 0 if that was before the tracer */
	__u64 closing_ns; /* the application's close */
	__u32 id_cpu;
	__u8 direction; /* enum direction */
	__u8 flags;	/* enum flow_flag */
	__u16 reserved;
	struct process owner;
	struct process closer;
};

/*
 * Key: address of the struct sock. A socket enters when its SYN is about to be sent, when it is accepted (or
 * established, where accepts cannot be seen), or by the walk over existing sockets; it leaves on its change to TCP_CLOSE,
 * which every socket that was in another state passes. User space sets max_entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct flow);
} flows SEC(".maps");

static __always_inline struct flow *find_flow(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&flows, &key);
}

static __always_inline bool forget_flow(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_delete_elem(&flows, &key) == 0;
}

/* No two connections on one CPU begin at the same moment, however coarse the clock is. */
static __always_inline void identify_flow(struct flow *flow)
{
	struct statistics *own = own_statistics();

	flow->id_ns = bpf_ktime_get_ns();
	flow->id_cpu = bpf_get_smp_processor_id();
	if (own) {
		if (flow->id_ns <= own->last_flow_ns)
			flow->id_ns = own->last_flow_ns + 1;
		own->last_flow_ns = flow->id_ns;
	}
}

/* An entry of an earlier socket at the same address is overwritten. */
static __always_inline bool follow_flow(const struct sock *sk, const struct flow *flow, __u64 how)
{
	__u64 key = (__u64)sk;
	struct statistics *own;

	if (bpf_map_update_elem(&flows, &key, flow, how) == 0)
		return true;
	if (how == BPF_ANY) {
		own = own_statistics();
		if (own)
			count(&own->lost_map);
	}
	return false;
}
