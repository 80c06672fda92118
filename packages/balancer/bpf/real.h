/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The servers behind VIPs. */
#pragma once

#include "vip.h"

enum real_flag {
	REAL_IPV6 = 1 << 0,
	/* This host. */
	REAL_LOCAL = 1 << 1,
};

struct real {
	__u32 address[4]; /* network order; IPv4 takes the first word */
	/* Each use of a number has another generation, so that handles of its last use are invalid. */
	__u16 generation;
	/* Port of a real behind translation, network order; 0 for the VIP's port. */
	__u16 port;
	enum real_flag flags;
};

/* By number. User space fills an element before it assigns the number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_REALS);
	__type(key, __u32);
	__type(value, struct real);
} reals SEC(".maps");

/*
 * A real's handle, by which tables refer to it: its number in the low bits, its generation above. Flow tables have the
 * kind of flow in the last three bits.
 */
#define REAL_HANDLE_BITS (REAL_NUMBER_BITS + REAL_GENERATION_BITS)

static __always_inline __u32 real_number(__u32 handle)
{
	return handle & (MAX_REALS - 1);
}

static __always_inline __u32 real_handle(__u32 number, const struct real *real)
{
	return number | (__u32)real->generation << REAL_NUMBER_BITS;
}

/* The real with a number; NULL only to satisfy the verifier. */
static __always_inline struct real *real_by_number(__u32 number)
{
	return bpf_map_lookup_elem(&reals, &number);
}

/* The real with a handle; NULL if it no longer exists. */
static __always_inline struct real *real_by_handle(__u32 handle)
{
	__u32 number = real_number(handle);
	struct real *real = real_by_number(number);

	if (!number || !real || handle >> REAL_NUMBER_BITS != real->generation)
		return NULL;
	return real;
}

static __always_inline bool has_bit(const __u64 *bits, __u32 number)
{
	return bits[(number & (MAX_REALS - 1)) / 64] >> (number % 64) & 1;
}

/* Whether a handle is that of a real of the VIP. */
static __always_inline bool is_member(const struct vip *vip, __u32 handle)
{
	return has_bit(vip->members, real_number(handle));
}
