/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Events for user space. They are declared here only: the TypeScript side is generated. */
#pragma once

#include "kernel.h"

/* Asks weir-bpf2ts for a type that neither a map nor a global leads to. */
#define SHARED __attribute__((btf_decl_tag("export")))

enum tcp_event_kind {
	EVENT_CONNECT,
	EVENT_ACCEPT,
	EVENT_CLOSE,
	EVENT_FAIL,
	EVENT_FD_INSTALL,
	EVENT_KINDS,
};

enum direction {
	DIRECTION_UNKNOWN,
	DIRECTION_OUTBOUND,
	DIRECTION_INBOUND,
};

enum closed_by {
	CLOSED_BY_LOCAL,
	CLOSED_BY_PEER,
	CLOSED_BY_RESET,
	CLOSED_BY_TIMEOUT,
	/* Destroyed through the kernel: ss -K, or the removal of its address. */
	CLOSED_BY_ABORT,
};

enum event_flag {
	EVENT_HAS_PROCESS = 1 << 0,
	EVENT_HAS_DURATION = 1 << 1,
	EVENT_HAS_CLOSING = 1 << 2,
	/* The process is only the listening socket's owner: of an accept, and of a close that no process of its own made. */
	EVENT_BY_LISTENER = 1 << 3,
	EVENT_IPV6 = 1 << 4,
	/* Which counters the kernel's types contain. */
	EVENT_HAS_BYTES = 1 << 5,
	EVENT_HAS_SEGMENTS = 1 << 6,
	EVENT_HAS_RETRANSMITS = 1 << 7,
	/* Whether it passes the filter cannot be known: its process, or which side opened it, is not known. */
	EVENT_FILTER_UNDECIDED = 1 << 8,
};

/* pid 0: unknown. `comm` is the name of the process, which is that of its first thread. */
struct process {
	__u64 cgroup_id;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 reserved;
	char comm[16];
	char thread[16]; /* the thread's own name; empty for the first thread, or where it is not known */
};

/* Addresses are 16 bytes in network order, IPv4 ones mapped (::ffff:a.b.c.d); ports are in host order. */
struct tuple {
	__u8 local_address[16];
	__u8 peer_address[16];
	__u16 local_port;
	__u16 peer_port;
	__u32 netns;
	__u32 interface; /* index of the interface that the socket is bound to; 0: none */
};

struct tcp_event {
	__u64 time_ns; /* CLOCK_MONOTONIC, read after the place in the ring was reserved */
	/* Moment and CPU at which the connection was first seen: together its identity. */
	__u64 flow_ns;
	__u32 flow_cpu;
	__u32 cpu;
	struct tuple tuple;
	struct process process;
	__u64 connection_id; /* of connection-id.h; 0: not known */
	__u64 duration_ns; /* connect: the handshake; close and fail: since connect or accept */
	__u64 closing_ns;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmits;
	__u32 srtt_us;
	enum tcp_event_kind event;
	enum direction direction;
	enum closed_by closed_by;
	enum event_flag flags;
	__u32 error; /* errno */
	/*
	 * fd_install; which has neither a flow nor a tuple but for its netns. In an accept by the listener, user space puts the number
	 * of processes here that hold the listening socket.
	 */
	__s32 fd;
	__u32 subflows; /* close of an MPTCP connection: TCP connections that carried it; 0: it is plain TCP, or not known */
} SHARED;

/* One of these a CPU; only that CPU writes it, so none shares a cache line with another's. */
struct statistics {
	__u64 produced[EVENT_KINDS]; /* events that the programs had to emit */
	__u64 lost_ring;	     /* events among them for which the ring had no room */
	__u64 lost_map;		     /* connections whose `connect` or `fail` is missing, for the flow table had no room */
	__u64 missed;		     /* changes of state for which the kernel ran no program */
	__u64 fallback_runs;		     /* runs of the second program in place of the first (nesting.h) */
	__u64 last_flow_ns;	     /* the newest flow identity given out on this CPU */
} __attribute__((aligned(64)));
