/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The device by which a packet leaves. */
#pragma once

#include "config.h"

/* Sends a packet out of the device by which it came in, or of another. */
static __always_inline int send_by(const struct xdp_md *ctx, __u32 interface)
{
	return interface == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(interface, 0);
}

/* The device that leads to the router. */
static __always_inline __u32 router_device(const struct xdp_md *ctx)
{
	return use_router_device ? router_interface : ctx->ingress_ifindex;
}

/* Writes the source of packets to the router: the MAC address of the device by which they leave. */
static __always_inline void write_router_source(__u8 *source)
{
	*(__u16 *)source = router_source_front;
	*(__u32 *)(source + 2) = router_source_back;
}
