// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Health checks as clients' packets go: packets that this host sends with a socket mark go to the mark's real, whatever
 * their destination, in the same outer headers, or under the real's MAC address. For tc egress; the destination's route
 * decides the device and the next hop of packets in tunnels.
 */
#include "checksum.h"
#include "gre.h"
#include "limits.h"

#include <linux/pkt_cls.h>

struct probe {
	__u32 address[4]; /* the real's, network order; IPv4 takes the first word */
	__u32 ipv6;
};

/* Reals by socket mark. User space inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_REALS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct probe);
} probes SEC(".maps");

struct direct_probe {
	__u32 interface; /* the device by which the real is reached */
	__u8 macs[2 * ETH_ALEN]; /* destination and source */
};

/* Places of reals of direct routing, by socket mark. User space inserts and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_REALS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct direct_probe);
} direct_probes SEC(".maps");

/* Outer source addresses of this host. */
const volatile __u32 probe_source4 = 0;
const volatile __u32 probe_source6[4] = {};

#define GUE_SOURCE_PORT bpf_htons(49152)

/* Bytes between the outer IP header and the inner packet. */
static __always_inline __u32 bytes_between(void)
{
	return use_gue ? sizeof(struct udphdr) : use_gre ? sizeof(struct gre_header) : 0;
}

static __always_inline __u8 outer_protocol(bool ipv6)
{
	if (use_gre)
		return IPPROTO_GRE;
	return use_gue ? IPPROTO_UDP : ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

/* Flags that describe the new headers to the kernel. */
static __always_inline __u64 room_flags(bool ipv6)
{
	__u64 flags = ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;

	if (use_gre)
		return flags | BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	return use_gue ? flags | BPF_F_ADJ_ROOM_ENCAP_L4_UDP : flags;
}

static __always_inline void write_udp(struct udphdr *udp, __u32 inner)
{
	udp->source = GUE_SOURCE_PORT;
	udp->dest = gue_port;
	udp->len = bpf_htons(inner + sizeof(*udp));
	udp->check = 0;
}

static __always_inline int probe4(struct __sk_buff *skb, const struct probe *probe, __u32 inner)
{
	__u32 more = sizeof(struct iphdr) + bytes_between();
	bool ipv6 = skb->protocol == bpf_htons(ETH_P_IPV6);
	struct ethhdr *eth;
	struct iphdr *ip;
	struct udphdr *udp;

	if (bpf_skb_adjust_room(skb, more, BPF_ADJ_ROOM_MAC, room_flags(false)))
		return TC_ACT_SHOT;
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	udp = (void *)(ip + 1);
	if ((void *)(udp + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	eth->h_proto = bpf_htons(ETH_P_IP);
	*(__u16 *)ip = 0x45;
	ip->tot_len = bpf_htons(inner + more);
	*(__u32 *)&ip->id = 0;
	ip->ttl = OUTER_TTL;
	ip->protocol = outer_protocol(ipv6);
	ip->saddr = probe_source4;
	ip->daddr = probe->address[0];
	set_ip_checksum(ip);
	if (use_gre)
		write_gre((void *)udp, ipv6);
	/* UDP over IPv4 may omit the checksum. */
	if (use_gue)
		write_udp(udp, inner);
	return TC_ACT_OK;
}

/*
 * The sum of a packet whose own checksums will be right once the device or the stack has filled them in: the negative
 * pseudo header, as in encapsulate.h.
 */
static __always_inline __u64 sum_probe(const void *inner, const void *end, bool ipv6)
{
	const struct ipv6hdr *ip6 = inner;
	const struct iphdr *ip = inner;

	if (inner + sizeof(*ip) > end)
		return 0;
	if (!ipv6)
		return (__u16)~fold_sum(sum_words(&ip->saddr, 4) + bpf_htons(ip->protocol) +
					bpf_htons(bpf_ntohs(ip->tot_len) - sizeof(*ip)));
	if (inner + sizeof(*ip6) > end)
		return 0;
	return sum_words(ip6, 2) + *(__u16 *)&ip6->nexthdr + (__u16)~bpf_htons(ip6->nexthdr);
}

static __always_inline int probe6(struct __sk_buff *skb, const struct probe *probe, __u32 inner)
{
	__u32 more = bytes_between();
	bool ipv6 = skb->protocol == bpf_htons(ETH_P_IPV6);
	struct ethhdr *eth;
	struct ipv6hdr *ip;
	struct udphdr *udp;
	__u16 checksum;
	__u64 sum;
	void *end;

	if (bpf_skb_adjust_room(skb, sizeof(struct ipv6hdr) + more, BPF_ADJ_ROOM_MAC, room_flags(true)))
		return TC_ACT_SHOT;
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	udp = (void *)(ip + 1);
	end = (void *)(long)skb->data_end;
	if ((void *)(udp + 1) > end)
		return TC_ACT_SHOT;
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	*(__u32 *)ip = bpf_htonl(6U << 28);
	ip->payload_len = bpf_htons(inner + more);
	ip->nexthdr = outer_protocol(ipv6);
	ip->hop_limit = OUTER_TTL;
	for (int i = 0; i < 4; i++) {
		ip->saddr.in6_u.u6_addr32[i] = probe_source6[i];
		ip->daddr.in6_u.u6_addr32[i] = probe->address[i];
	}
	if (use_gre)
		write_gre((void *)udp, ipv6);
	if (!use_gue)
		return TC_ACT_OK;
	write_udp(udp, inner);
	sum = sum_words(&ip->saddr, 16) + sum_words(udp, 4) + udp->len + bpf_htons(IPPROTO_UDP);
	checksum = ~fold_sum(sum + sum_probe(udp + 1, end, ipv6));
	udp->check = checksum ?: 0xffff;
	return TC_ACT_OK;
}

/* Sends a packet to a real's MAC address. On another device, this program sees the packet again. */
static __always_inline int probe_directly(struct __sk_buff *skb, __u32 mark)
{
	const struct direct_probe *probe = bpf_map_lookup_elem(&direct_probes, &mark);
	__u8 macs[2 * ETH_ALEN];

	if (!probe)
		return TC_ACT_OK;
	__builtin_memcpy(macs, probe->macs, sizeof(macs));
	if (bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0))
		return TC_ACT_SHOT;
	return probe->interface == skb->ifindex ? TC_ACT_OK : bpf_redirect(probe->interface, 0);
}

SEC("tc")
int encapsulate_probe(struct __sk_buff *skb)
{
	__u32 mark = skb->mark;
	const struct probe *probe;

	if (!mark || (skb->protocol != bpf_htons(ETH_P_IP) && skb->protocol != bpf_htons(ETH_P_IPV6)))
		return TC_ACT_OK;
	probe = bpf_map_lookup_elem(&probes, &mark);
	if (!probe)
		return probe_directly(skb, mark);
	if (probe->ipv6)
		return probe6(skb, probe, skb->len - ETH_HLEN);
	return probe4(skb, probe, skb->len - ETH_HLEN);
}

char LICENSE[] SEC("license") = "GPL";
