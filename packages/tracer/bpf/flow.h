/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The table of connections that are followed. */
#pragma once

#include "current.h"
#include "filter.h"
#include "nesting.h"
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
	/* Whether it passes the filters is not known. */
	FLOW_UNDECIDED = 1 << 5,
	/* Accepted before its handshake was over (TCP Fast Open). */
	FLOW_EARLY = 1 << 6,
	/* `owner` is the listening socket's: the process that accepted was not seen. */
	FLOW_BY_LISTENER = 1 << 7,
};

struct flow {
	__u64 id_ns;	  /* with id_cpu, the connection's identity */
	__u64 start_ns;	  /* SYN sent, or accepted; 0 if that was before the tracer */
	__u64 closing_ns; /* the application's close */
	__u32 id_cpu;
	__u8 direction; /* enum direction */
	__u8 flags;	/* enum flow_flag */
	__u16 error;	/* of a connect() that failed, where it is known from elsewhere than the socket */
	__u64 connection_id; /* of connection-id.h; 0: not known, or not yet */
	struct process owner;
	struct process closer;
};

/*
 * Key: address of the struct sock; for MPTCP, the connection's own, not a subflow's. A socket enters when its SYN is about to be sent, when it is accepted (or
 * established, where accepts cannot be seen), or by the walk over existing sockets; it leaves on its change to TCP_CLOSE,
 * which every socket that was in another state passes. User space sets max_entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct flow);
} flows SEC(".maps");

/*
 * Sockets of connections that a filter on the process or on the direction keeps out: at their end, neither can be found
 * out. Key: address of the struct sock. Inserted in place of an entry of the flow table; deleted when the socket enters that
 * table after all, or ends. User space sets max_entries where there is such a filter. A connection that falls out for lack of
 * room is reported at its end, and that its filter is undecided.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u8);
} filtered_sockets SEC(".maps");

static __always_inline bool filters_by_origin(void)
{
	return process_filters || wanted_direction != DIRECTION_UNKNOWN;
}

static __noinline int filter_out(const struct sock *sk)
{
	__u64 key = (__u64)sk;
	__u8 yes = 1;

	if (filters_by_origin())
		bpf_map_update_elem(&filtered_sockets, &key, &yes, BPF_ANY);
	return 0;
}

static __always_inline bool is_filtered_out(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	return filters_by_origin() && bpf_map_lookup_elem(&filtered_sockets, &key);
}

static __always_inline void forget_filtered(const struct sock *sk)
{
	__u64 key = (__u64)sk;

	if (filters_by_origin())
		bpf_map_delete_elem(&filtered_sockets, &key);
}

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

/* Called, since programs for kernels before 5.2 have no room for more than one copy of it. */
static __noinline int clear_flow(struct flow *flow)
{
	__builtin_memset(flow, 0, sizeof(*flow));
	return 0;
}

static __noinline int count_missed(void)
{
	struct statistics *own = own_statistics();

	if (own)
		count(&own->missed);
	return 0;
}

/* Before a socket enters the table anew: an entry that is still there is of an earlier socket, whose end was missed. */
static __noinline int drop_stale_flow(const struct sock *sk)
{
	/* The fallback may repeat what the first program has just entered. */
	if (forget_flow(sk) && !is_fallback())
		count_missed();
	return 0;
}

/* Returns whether there was room for it in the table. */
static __noinline bool follow_flow(const struct sock *sk, const struct flow *flow, __u64 how)
{
	__u64 key = (__u64)sk;

	if (!flow)
		return false;
	forget_filtered(sk);
	return bpf_map_update_elem(&flows, &key, flow, how) == 0;
}
