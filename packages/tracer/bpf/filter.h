/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Filters: which connections are followed. They apply to the process that opened or accepted a connection and to its two
 * ends; a connection that passes is followed to its end, whichever process closes it.
 *
 * User space fills the maps before the programs are attached; programs only read them. A pid whose process has ended is
 * deleted: the kernel may give it to another.
 */
#pragma once

#include "config.h"
#include "socket.h"

#define FILTER_SET(name, key_type)                                                                                     \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                       \
		__uint(max_entries, 1);                                                                                \
		__type(key, key_type);                                                                                 \
		__type(value, __u8);                                                                                   \
	} name SEC(".maps")

struct comm_key {
	char comm[16];
};

FILTER_SET(filter_pids, __u32);
FILTER_SET(filter_comms, struct comm_key);
FILTER_SET(filter_uids, __u32);
FILTER_SET(filter_cgroups, __u64);
FILTER_SET(filter_netns, __u32);

/* The end of a connection to which a port or address filter applies. */
enum filter_side {
	SIDE_EITHER,
	SIDE_LOCAL,
	SIDE_PEER,
	SIDES,
};

#define PORT_WORDS (65536 / 64)

/* One bit for each port, for each of enum filter_side. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SIDES *PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} filter_ports SEC(".maps");

/* prefix_bits counts the 32 bits of side, too. */
struct address_key {
	__u32 prefix_bits;
	enum filter_side side;
	__u8 address[16];
};

/* Value 0: not wanted, although a shorter prefix is. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address_key);
	__type(value, __u8);
} filter_addresses SEC(".maps");

/* An unknown process passes no filter. */
static __noinline bool process_passes(const struct process *process)
{
	if (process_filters && !process->pid)
		return false;
	if ((process_filters & FILTER_PIDS) && !bpf_map_lookup_elem(&filter_pids, &process->pid))
		return false;
	if ((process_filters & FILTER_COMMS) && !bpf_map_lookup_elem(&filter_comms, process->comm))
		return false;
	if ((process_filters & FILTER_UIDS) && !bpf_map_lookup_elem(&filter_uids, &process->uid))
		return false;
	if ((process_filters & FILTER_CGROUPS) && !bpf_map_lookup_elem(&filter_cgroups, &process->cgroup_id))
		return false;
	return true;
}

static __noinline bool port_passes(enum filter_side side, __u16 port)
{
	__u32 index = side * PORT_WORDS + port / 64;
	__u64 *word = bpf_map_lookup_elem(&filter_ports, &index);

	return word && (*word >> (port % 64) & 1);
}

static __noinline bool address_passes(enum filter_side side, const __u8 address[16])
{
	struct address_key key = {.prefix_bits = 8 * (sizeof(key.side) + sizeof(key.address)), .side = side};
	__u8 *wanted;

	__builtin_memcpy(key.address, address, sizeof(key.address));
	wanted = bpf_map_lookup_elem(&filter_addresses, &key);
	return wanted && *wanted;
}

static __always_inline bool peer_passes(const struct tuple *tuple)
{
	if ((tuple_filters & FILTER_NETNS) && !bpf_map_lookup_elem(&filter_netns, &tuple->netns))
		return false;
	if ((tuple_filters & FILTER_PEER_PORT) && !port_passes(SIDE_PEER, tuple->peer_port))
		return false;
	if ((tuple_filters & FILTER_PEER_ADDRESS) && !address_passes(SIDE_PEER, tuple->peer_address))
		return false;
	return true;
}

/* The local end of an outgoing connection is not chosen yet when its SYN is about to be sent. */
static __noinline bool tuple_passes(const struct tuple *tuple)
{
	if (!peer_passes(tuple))
		return false;
	if ((tuple_filters & FILTER_LOCAL_PORT) && !port_passes(SIDE_LOCAL, tuple->local_port))
		return false;
	if ((tuple_filters & FILTER_PORT) && !port_passes(SIDE_EITHER, tuple->local_port) &&
	    !port_passes(SIDE_EITHER, tuple->peer_port))
		return false;
	if ((tuple_filters & FILTER_LOCAL_ADDRESS) && !address_passes(SIDE_LOCAL, tuple->local_address))
		return false;
	if ((tuple_filters & FILTER_ADDRESS) && !address_passes(SIDE_EITHER, tuple->local_address) &&
	    !address_passes(SIDE_EITHER, tuple->peer_address))
		return false;
	return true;
}

/* Whether a connected socket passes the filters for its two ends. */
static __noinline bool socket_passes(const struct sock *sk)
{
	struct tuple tuple = {};

	return read_tuple(sk, &tuple) && tuple_passes(&tuple);
}

static __always_inline bool direction_passes(enum direction direction)
{
	return wanted_direction == DIRECTION_UNKNOWN || wanted_direction == direction;
}
