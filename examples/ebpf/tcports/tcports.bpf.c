// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Counts what passes a device by port, in both directions, and marks the packets that leave from or to one port.
#include "../kernel/packet.h"

char LICENSE[] SEC("license") = "GPL";

/* What leaves from or to this port gets the mark, by which rules of routing, nftables and tc can choose it. 0: none does. */
const volatile __u16 marked_port;
const volatile __u32 mark;

struct service {
	__u8 protocol; /* IPPROTO_* */
	__u8 padding;
	__u16 port; /* the lower of the two, which is nearly always the server's */
};

struct counters {
	__u64 packets_in;
	__u64 bytes_in;
	__u64 packets_out;
	__u64 bytes_out;
};

/* Inserted with the first packet of each; those that were not seen for long leave it for others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct service);
	__type(value, struct counters);
} services SEC(".maps");

struct ports {
	__be16 source;
	__be16 destination;
};

/* Where the ports are, from the start of the packet's network header; negative if it has none, as later fragments have not. */
static __always_inline int ports_offset(struct __sk_buff *skb, __u8 *protocol)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
			return -1;
		*protocol = ip.protocol;
		return ip.frag_off & bpf_htons(0x1fff) ? -1 : ip.ihl * 4;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
			return -1;
		*protocol = ip.nexthdr;
		return sizeof(ip);
	}
	return -1;
}

static __always_inline struct counters *count(struct __sk_buff *skb, struct service *service)
{
	struct counters fresh = {}, *counters;
	struct ports ports;
	int offset = ports_offset(skb, &service->protocol);

	if (offset < 0 || (service->protocol != IPPROTO_TCP && service->protocol != IPPROTO_UDP))
		return 0;
	if (bpf_skb_load_bytes_relative(skb, offset, &ports, sizeof(ports), BPF_HDR_START_NET))
		return 0;
	service->port = bpf_ntohs(ports.source);
	if (bpf_ntohs(ports.destination) < service->port)
		service->port = bpf_ntohs(ports.destination);
	counters = bpf_map_lookup_elem(&services, service);
	if (counters)
		return counters;
	bpf_map_update_elem(&services, service, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&services, service);
}

/* TCX_NEXT of Linux 6.6, TC_ACT_UNSPEC before: others decide about the packet. */
#define NEXT (-1)

SEC("tc")
int on_ingress(struct __sk_buff *skb)
{
	struct service service = {};
	struct counters *counters = count(skb, &service);

	if (counters) {
		__sync_fetch_and_add(&counters->packets_in, 1);
		__sync_fetch_and_add(&counters->bytes_in, skb->len);
	}
	return NEXT;
}

SEC("tc")
int on_egress(struct __sk_buff *skb)
{
	struct service service = {};
	struct counters *counters = count(skb, &service);

	if (counters) {
		__sync_fetch_and_add(&counters->packets_out, 1);
		__sync_fetch_and_add(&counters->bytes_out, skb->len);
		if (marked_port && service.port == marked_port)
			skb->mark = mark;
	}
	return NEXT;
}
