/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The choice of a flow's real by its VIP's ring. */
#pragma once

#include "vip.h"

#define HASH_START 0xdeadbeef

static __always_inline __u32 rotate(__u32 word, __u32 bits)
{
	return word << bits | word >> (32 - bits);
}

/* lookup3's mixing of three words when more follow. */
#define HASH_MIX(a, b, c)                                                                                              \
	do {                                                                                                           \
		a = (a - c) ^ rotate(c, 4);                                                                            \
		c += b;                                                                                                \
		b = (b - a) ^ rotate(a, 6);                                                                            \
		a += c;                                                                                                \
		c = (c - b) ^ rotate(b, 8);                                                                            \
		b += a;                                                                                                \
		a = (a - c) ^ rotate(c, 16);                                                                           \
		c += b;                                                                                                \
		b = (b - a) ^ rotate(a, 19);                                                                           \
		a += c;                                                                                                \
		c = (c - b) ^ rotate(b, 4);                                                                            \
		b += a;                                                                                                \
	} while (0)

/* lookup3's last mixing, which returns the hash. */
static __always_inline __u32 hash_end(__u32 a, __u32 b, __u32 c)
{
	c = (c ^ b) - rotate(b, 14);
	a = (a ^ c) - rotate(c, 11);
	b = (b ^ a) - rotate(a, 25);
	c = (c ^ b) - rotate(b, 16);
	a = (a ^ c) - rotate(c, 4);
	b = (b ^ a) - rotate(a, 14);
	return (c ^ b) - rotate(b, 24);
}

static __always_inline __u32 hash_address6(const __u32 *words)
{
	__u32 a = HASH_START + 16 + address_hash_start, b = a, c = a;

	a += words[0];
	b += words[1];
	c += words[2];
	HASH_MIX(a, b, c);
	return hash_end(a + words[3], b, c);
}

static __always_inline __u32 hash_words(__u32 a, __u32 b)
{
	__u32 start = HASH_START + 8 + address_hash_start * RING_SIZE;

	return hash_end(a + start, b + start, start);
}

/* Modulo 65537, where 65536 equals -1. */
static __always_inline __u32 ring_modulo(__u32 hash)
{
	__s64 slot = (__s64)(hash & 0xffff) - (hash >> 16);

	return slot < 0 ? slot + RING_SIZE : slot;
}

/* The number of the real in a packet's slot of the ring; 0 for none. */
static __noinline __u32 choose_by_ring(const struct vip *vip, const struct packet *packet)
{
	__u32 none[4] = {};
	__u64 slot;
	__u32 hash;

	if (vip->flags & VIP_HASH_DESTINATION_PORT) {
		__u32 port = packet->destination_port;

		hash = hash_words(packet->ipv6 ? hash_address6(none) : 0, port | port << 16);
	} else {
		__u32 address = packet->ipv6 ? hash_address6(packet->source) : packet->source[0];

		hash = hash_words(address, packet->source_port | (__u32)packet->destination_port << 16);
	}
	slot = ring_modulo(hash);
	/* Else the compiler would remove a check that the verifier needs. */
	barrier_var(slot);
	return slot < RING_SIZE ? vip->ring[slot] : 0;
}
