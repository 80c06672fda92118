/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Listening sockets and their owners, for connections whose accept is not seen. */
#pragma once

#include "flow.h"

struct listener_key {
	__u8 address[16];
	__u32 netns;
	__u16 port;
	__u16 reserved;
};

struct listener {
	__u64 sk; /* the listening socket's address, so that only its own end removes it */
	struct process owner;
};

/*
 * Inserted on the change to TCP_LISTEN, in the context of the process that listens, or by the walk over sockets from
 * before the start; deleted on the change back to TCP_CLOSE. If several listen on one port (SO_REUSEPORT), the
 * newest is kept. When the map is full, the connections of the oldest listener lose their process.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct listener_key);
	__type(value, struct listener);
} listeners SEC(".maps");

static __always_inline bool uses_listeners(void)
{
	return accept_mode != ACCEPT_AT_GRAFT;
}

static __always_inline void listener_key_of(const struct tuple *tuple, struct listener_key *key)
{
	__builtin_memcpy(key->address, tuple->local_address, sizeof(key->address));
	key->netns = tuple->netns;
	key->port = tuple->local_port;
	key->reserved = 0;
}

static __always_inline void remember_listener(const struct sock *sk, const struct process *owner, __u64 how)
{
	struct listener listener = {.sk = (__u64)sk};
	struct listener_key key;
	struct tuple tuple = {};

	if (!read_tuple(sk, &tuple))
		return;
	listener_key_of(&tuple, &key);
	listener.owner = *owner;
	bpf_map_update_elem(&listeners, &key, &listener, how);
}

static __noinline int listening_begins(struct sock *sk)
{
	struct process owner = {};

	if (!uses_listeners() || !is_connection(sk))
		return 0;
	read_current(&owner);
	remember_listener(sk, &owner, BPF_ANY);
	return 0;
}

static __noinline int listening_ends(struct sock *sk)
{
	struct listener_key key;
	struct listener *listener;
	struct tuple tuple = {};

	if (!uses_listeners() || !read_tuple(sk, &tuple))
		return 0;
	listener_key_of(&tuple, &key);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener && listener->sk == (__u64)sk)
		bpf_map_delete_elem(&listeners, &key);
	return 0;
}

/* The listener of a connection to this local end: on its address, else on a wildcard. */
static ONE_COPY struct listener *find_listener(const struct tuple *tuple)
{
	struct listener *listener;
	struct listener_key key;

	listener_key_of(tuple, &key);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener)
		return listener;
	if (is_mapped(tuple->local_address)) {
		map_ipv4(key.address, 0);
		listener = bpf_map_lookup_elem(&listeners, &key);
		if (listener)
			return listener;
	}
	__builtin_memset(key.address, 0, sizeof(key.address));
	return bpf_map_lookup_elem(&listeners, &key);
}
