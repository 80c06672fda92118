/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* QUIC: server ids in the connection ids that servers choose. */
#pragma once

#include "id.h"

#define QUIC_LONG_HEADER 0x80
#define QUIC_TYPE_BITS 0x30
#define QUIC_HANDSHAKE 0x20 /* Handshake and Retry; lower ones are Initial and 0-RTT */
#define QUIC_ID_BYTES 8	    /* shorter connection ids carry nothing */
#define QUIC_LONG_ID 6	    /* offset of the destination connection id: after flags, version, length */

enum quic_id {
	QUIC_WITHOUT_ID,
	/* The client's first packets. */
	QUIC_INITIAL,
	QUIC_WITH_ID,
};

/* Reads the server id, whose size the upper two bits of the connection id give. */
static __always_inline __u32 read_connection_id(const __u8 *id)
{
	switch (id[0] >> 6) {
	case 1:
		return (__u32)(id[0] & 0x3f) << 10 | (__u32)id[1] << 2 | id[2] >> 6;
	case 2:
		return (__u32)id[1] << 16 | (__u32)id[2] << 8 | id[3];
	case 3:
		return (__u32)id[1] << 24 | (__u32)id[2] << 16 | (__u32)id[3] << 8 | id[4];
	default:
		return 0;
	}
}

struct connection_id {
	__u32 server; /* 0 for none */
	__u32 version;
};

static __always_inline void parse_connection_id(struct connection_id *id, const __u8 *bytes)
{
	id->server = read_connection_id(bytes);
	id->version = bytes[0] >> 6;
}

static __always_inline enum quic_id find_quic_id(const struct xdp_md *ctx, const struct packet *packet,
						 struct connection_id *id)
{
	const __u8 *payload = udp_payload(ctx, packet, 1 + QUIC_ID_BYTES);

	if (!payload)
		return QUIC_WITHOUT_ID;
	if (payload[0] & QUIC_LONG_HEADER) {
		if ((payload[0] & QUIC_TYPE_BITS) < QUIC_HANDSHAKE)
			return QUIC_INITIAL;
		payload = udp_payload(ctx, packet, QUIC_LONG_ID + QUIC_ID_BYTES);
		if (!payload || payload[QUIC_LONG_ID - 1] < QUIC_ID_BYTES)
			return QUIC_WITHOUT_ID;
		payload += QUIC_LONG_ID - 1;
	}
	parse_connection_id(id, payload + 1);
	return id->server ? QUIC_WITH_ID : QUIC_WITHOUT_ID;
}
