/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Numbers that both sides know. User space reads them from the object's types (src/generated). */
#pragma once

#include "kernel.h"

enum limit {
	RING_SIZE = 65537,
	REAL_NUMBER_BITS = 14,
	REAL_GENERATION_BITS = 15,
	/* Numbers from 1: 0 means none. */
	MAX_REALS = 1 << REAL_NUMBER_BITS,
	MAX_VIPS = 4096,
	/* Several slots for each of MAX_VIPS. */
	VIP_SLOT_BITS = 14,
	VIP_SLOTS = 1 << VIP_SLOT_BITS,
	/* Slots that are searched for a VIP. */
	VIP_PROBES = 16,
	/* Slots that are searched for a server id. */
	ID_PROBES = 32,
	/* The low bits of a server id's product that do not count for its slot. */
	ID_HASH_SHIFT = 40,
	FLOW_WAYS = 6,
	/* Bits by which nanoseconds are shifted for ticks of the clock in cpu.h. */
	CLOCK_SHIFT = 24,
	/* Longest head of a packet that is captured. */
	CAPTURE_BYTES = 256,
};

SHARE_ENUM(limit);
