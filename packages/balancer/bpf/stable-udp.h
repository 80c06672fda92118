/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Stable UDP: a header of eight bytes before the payload, with the server id. */
#pragma once

#include "id.h"

#define STABLE_UDP_MARK 0x52
#define STABLE_UDP_BYTES 8

/* Returns the server id; 0 if there is none. */
static __always_inline __u32 find_stable_id(const struct xdp_md *ctx, const struct packet *packet)
{
	const __u8 *header = udp_payload(ctx, packet, STABLE_UDP_BYTES);

	if (!header || header[0] != STABLE_UDP_MARK)
		return 0;
	return (__u32)header[1] << 16 | (__u32)header[2] << 8 | header[3];
}
