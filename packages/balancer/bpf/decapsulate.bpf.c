// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* For reals: removes the balancer's outer headers from packets to this host's addresses. */
#include "decapsulate.h"

/* Network order. */
const volatile __u16 gue_port = 0;

struct decapsulated {
	__u64 packets;
};

/* Programs add to their own CPU's value; user space sums. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decapsulated);
} decapsulated SEC(".maps");

SEC("xdp")
int decapsulate_packet(struct xdp_md *ctx)
{
	struct decapsulated *own;
	__u32 zero = 0;

	if (!decapsulate(ctx, gue_port, false))
		return XDP_PASS;
	own = bpf_map_lookup_elem(&decapsulated, &zero);
	if (own)
		own->packets++;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
