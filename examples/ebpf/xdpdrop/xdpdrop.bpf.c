// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Drops packets from networks that are listed, before the kernel has made anything of them, and counts them by network.
#include "../kernel/packet.h"

char LICENSE[] SEC("license") = "GPL";

struct network {
	__u32 bits; /* of the prefix; 96 more for IPv4 */
	__u8 address[16];
};

struct counters {
	__u64 packets;
	__u64 bytes;
};

/* Inserted by the tool. A lookup finds the longest prefix. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, struct counters);
} networks SEC(".maps");

struct vlan {
	__be16 tag;
	__be16 protocol;
};

/* Where the packet begins behind the Ethernet header and up to two VLAN tags, and its protocol. */
static __always_inline void *skip_ethernet(void *data, void *end, __be16 *protocol)
{
	struct ethhdr *ethernet = data;
	struct vlan *vlan = (void *)(ethernet + 1);

	if ((void *)vlan > end)
		return 0;
	*protocol = ethernet->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		if (*protocol != bpf_htons(ETH_P_8021Q) && *protocol != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return 0;
		*protocol = vlan->protocol;
		vlan++;
	}
	return vlan;
}

SEC("xdp")
int drop_listed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct network source = { .bits = 128 };
	struct counters *counters;
	__be16 protocol = 0;
	void *packet = skip_ethernet(data, end, &protocol);

	if (!packet)
		return XDP_PASS;
	if (protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = packet;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		map_ipv4(source.address, &ip->saddr);
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = packet;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		__builtin_memcpy(source.address, &ip->saddr, 16);
	} else {
		return XDP_PASS;
	}
	counters = bpf_map_lookup_elem(&networks, &source);
	if (!counters)
		return XDP_PASS;
	__sync_fetch_and_add(&counters->packets, 1);
	__sync_fetch_and_add(&counters->bytes, end - data);
	return XDP_DROP;
}
