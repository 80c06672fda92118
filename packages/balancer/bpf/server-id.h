/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* TCP: an option with the server id, which clients return in each segment. */
#pragma once

#include "id.h"

#define OPTION_END 0
#define OPTION_NOTHING 1
#define OPTION_SERVER_ID 0xb7
#define SERVER_ID_LENGTH 6
#define OPTIONS_LOOKED_AT 15
#define OPTIONS_BYTES 40 /* at most */

/* Returns the server id, or 0. Not static, so that the verifier follows the loop once, not at every call. */
__noinline __u32 find_server_id(struct xdp_md *ctx, __u32 transport)
{
	const void *end = packet_end(ctx);
	const struct tcphdr *tcp;
	const __u8 *option;
	__u64 at = 0, bytes;

	if (transport > LAST_TRANSPORT)
		return 0;
	tcp = packet_start(ctx) + transport;
	if ((void *)(tcp + 1) > end || tcp->doff < sizeof(*tcp) / 4)
		return 0;
	bytes = tcp->doff * 4 - sizeof(*tcp);
	for (int i = 0; i < OPTIONS_LOOKED_AT; i++) {
		if (at >= bytes || at >= OPTIONS_BYTES)
			return 0;
		option = (const __u8 *)(tcp + 1) + at;
		if ((void *)(option + 1) > end || option[0] == OPTION_END)
			return 0;
		if (option[0] == OPTION_NOTHING) {
			at++;
			continue;
		}
		if ((void *)(option + 2) > end || option[1] < 2)
			return 0;
		if (option[0] == OPTION_SERVER_ID) {
			if (option[1] != SERVER_ID_LENGTH || at + SERVER_ID_LENGTH > bytes ||
			    (void *)(option + SERVER_ID_LENGTH) > end)
				return 0;
			return option[2] | (__u32)option[3] << 8 | (__u32)option[4] << 16 | (__u32)option[5] << 24;
		}
		at += option[1];
	}
	return 0;
}
