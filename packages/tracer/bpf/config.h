/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * User space sets these before load. The verifier knows the values, so code that a configuration does not need is not
 * loaded.
 */
#pragma once

#include "event.h"

/* How accepts are seen. */
enum accept_mode {
	/* At security_sock_graft, in the accepting process, after it has slept: no accept is missed. */
	ACCEPT_AT_GRAFT,
	/* At the return of inet_csk_accept: a process that slept in it before the hook was attached is not seen. */
	ACCEPT_AT_RETURN,
	/* Not seen: the accept is emitted when the connection is established, with the listening socket's owner. */
	ACCEPT_BY_LISTENER,
};

/* Which filters are set. */
enum process_filter {
	FILTER_PIDS = 1 << 0,
	FILTER_COMMS = 1 << 1,
	FILTER_UIDS = 1 << 2,
	FILTER_CGROUPS = 1 << 3,
};

enum tuple_filter {
	FILTER_NETNS = 1 << 0,
	FILTER_PORT = 1 << 1,
	FILTER_LOCAL_PORT = 1 << 2,
	FILTER_PEER_PORT = 1 << 3,
	FILTER_ADDRESS = 1 << 4,
	FILTER_LOCAL_ADDRESS = 1 << 5,
	FILTER_PEER_ADDRESS = 1 << 6,
};

/* The kernel has no ring buffer (5.8): `events` is a perf event array. */
const volatile bool perf_buffer = false;
const volatile enum accept_mode accept_mode = ACCEPT_AT_GRAFT;
/* Bits of 1 << enum tcp_event_kind. */
const volatile __u32 wanted_events = (1 << EVENT_KINDS) - 1;
/* DIRECTION_UNKNOWN means both. */
const volatile enum direction wanted_direction = DIRECTION_UNKNOWN;
const volatile enum process_filter process_filters = 0;
const volatile enum tuple_filter tuple_filters = 0;
/* Wake the reader when this many bytes wait in the ring; below that, its own timer wakes it. */
const volatile __u32 wakeup_bytes = 1 << 20;
