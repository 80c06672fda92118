/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * UDP flows and their counts. A flow is a socket and two ends; its owner is the process that sent or received on it last.
 * User space reads and empties the maps from time to time, so no events are emitted.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include "current.h"
#include "udp-kernel.h"

/* Given to a socket when its first datagram is counted: the moment and the CPU. */
struct udp_socket_id {
	__u64 ns;
	__u32 cpu;
	__u32 reserved;
};

struct udp_socket {
	struct udp_socket_id id;
	struct process owner; /* pid 0: unknown */
	__u32 netns;	      /* 0: unknown */
	__u32 reserved;
};

struct udp_key {
	struct udp_socket_id socket;
	struct tuple tuple;
};

struct udp_flow {
	__u64 cookie; /* of the socket; 0: unknown */
	__u64 first_ns;
	__u64 last_ns;
	__u64 datagrams_sent;
	__u64 datagrams_received;
	__u64 bytes_sent; /* payload, without any header */
	__u64 bytes_received;
	struct process process; /* sent or received the first datagram; pid 0: unknown */
	__u32 cpu;		/* of the first datagram */
	__u32 user;		/* pid that sent or received the last one; 0: not followed */
	__u8 direction;		/* enum direction: outbound, if the first datagram was sent */
	__u8 reserved[7];
};

/* A further process of a flow, and when it sent or received its first datagram since another one did. */
struct udp_user {
	struct process process;
	__u64 ns;
};

/* The traffic of one datagram, or of several of the same size that are sent at once. */
struct udp_traffic {
	__u64 bytes;
	__u32 datagrams;
	bool is_sent;
};

/*
 * Inserted with the first datagram of a flow, updated with each; deleted by user space, when the flow is idle or its
 * socket is closed. User space sets max_entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct udp_key);
	__type(value, struct udp_flow);
} udp_flows SEC(".maps");

/*
 * The last process of flows that more than one process had: it was passed on, or they share the socket. Inserted at each such
 * change, as a whole, so that none is mixed up with another; deleted by user space with the flow.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct udp_key);
	__type(value, struct udp_user);
} udp_users SEC(".maps");

/*
 * Key: address of the struct sock, or the socket's cookie where only that is known. Inserted with the socket's first
 * datagram (by cookie: when it is created), deleted when it is closed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct udp_socket);
} udp_sockets SEC(".maps");

/*
 * Closed sockets, with the moment of the close. Inserted at the close, deleted by user space together with their flows.
 * Where there is no room for a socket, its flows end when they are idle.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct udp_socket_id);
	__type(value, __u64);
} udp_closed SEC(".maps");

/* One of these a CPU. */
struct udp_statistics {
	__u64 lost_datagrams; /* of flows or sockets that found the tables full */
	__u64 lost_bytes;
};

/* Inserted by the kernel with the map, never deleted. Programs add to their own CPU's value; user space sums. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct udp_statistics);
} udp_statistics SEC(".maps");

static __always_inline void write_ipv4(__u8 address[16], __be32 ipv4)
{
	__u32 *word = (__u32 *)address;

	word[0] = 0;
	word[1] = 0;
	word[2] = bpf_htonl(0xffff);
	word[3] = ipv4;
}

/* Addresses of a link, unicast (fe80::/10) and multicast (ff01::, ff02::), which another link may have as well. */
static __always_inline bool is_of_link(const __u8 address[16])
{
	return (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) ||
	       (address[0] == 0xff && (address[1] & 15) <= 2);
}

/* The interface that the socket is bound to, or, where an address means something on one link only, that of the link. */
static __always_inline void set_interface(struct tuple *tuple, __u32 bound, __u32 link)
{
	tuple->interface = bound;
	if (!bound && (is_of_link(tuple->local_address) || is_of_link(tuple->peer_address)))
		tuple->interface = link;
}

static __always_inline void add(__u64 *counter, __u64 amount)
{
	__sync_fetch_and_add(counter, amount);
}

static __noinline int lose_traffic(const struct udp_traffic *traffic)
{
	struct udp_statistics *own;
	__u32 zero = 0;

	if (!traffic)
		return 0;
	own = bpf_map_lookup_elem(&udp_statistics, &zero);
	if (own) {
		add(&own->lost_datagrams, traffic->datagrams);
		add(&own->lost_bytes, traffic->bytes);
	}
	return 0;
}

static __always_inline void identify_socket(struct udp_socket_id *id)
{
	id->ns = bpf_ktime_get_ns();
	id->cpu = bpf_get_smp_processor_id();
	id->reserved = 0;
}

static __always_inline void add_traffic(struct udp_flow *flow, const struct udp_traffic *traffic)
{
	flow->last_ns = bpf_ktime_get_ns();
	add(traffic->is_sent ? &flow->datagrams_sent : &flow->datagrams_received, traffic->datagrams);
	add(traffic->is_sent ? &flow->bytes_sent : &flow->bytes_received, traffic->bytes);
}

/*
 * The first datagram of a flow, of which the caller has filled in `cookie` and `process`. Two CPUs may be here at once: the
 * second adds to the entry that the first has made.
 */
static __always_inline void begin_flow(const struct udp_key *key, struct udp_flow *fresh,
				       const struct udp_traffic *traffic)
{
	struct udp_flow *flow;

	fresh->first_ns = bpf_ktime_get_ns();
	fresh->cpu = bpf_get_smp_processor_id();
	fresh->direction = traffic->is_sent ? DIRECTION_OUTBOUND : DIRECTION_INBOUND;
	fresh->user = fresh->process.pid;
	bpf_map_update_elem(&udp_flows, key, fresh, BPF_NOEXIST);
	flow = bpf_map_lookup_elem(&udp_flows, key);
	if (flow)
		add_traffic(flow, traffic);
	else
		lose_traffic(traffic);
}

static __always_inline void close_socket(__u64 key)
{
	struct udp_socket *socket = bpf_map_lookup_elem(&udp_sockets, &key);
	struct udp_socket_id id;
	__u64 now = bpf_ktime_get_ns();

	if (!socket)
		return;
	id = socket->id;
	bpf_map_update_elem(&udp_closed, &id, &now, BPF_ANY);
	bpf_map_delete_elem(&udp_sockets, &key);
}
