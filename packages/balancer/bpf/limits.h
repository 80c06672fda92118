/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sizes that both sides know. */
#pragma once

enum limit {
	RING_SIZE = 65537,
	/* Numbers from 1: 0 means none. They take 14 bits of a flow table's entry. */
	MAX_REALS = 16384,
	MAX_VIPS = 4096,
	/* A power of two, several times MAX_VIPS. */
	VIP_SLOTS = 16384,
	/* How far from its own slot a VIP may lie. */
	VIP_PROBES = 16,
	FLOW_WAYS = 6,
	/* Longest head of a packet that is captured. */
	CAPTURE_BYTES = 256,
};
