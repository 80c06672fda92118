// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* For reals: removes the balancer's outer headers from packets to this host's addresses. */
#include "match-source.h"

#define AF_INET 2
#define AF_INET6 10

/* Network order. */
const volatile __u16 gue_port = 0;
/* Inner packets are sent on by this host's routes, rather than left to the host. */
const volatile bool egress = false;
/* Inner packets get the source of their outer header. */
const volatile bool match_sources = false;

struct tunnel_traffic {
	__u64 packets;
	__u64 bytes; /* of frames as they arrived */
};

struct decapsulated {
	struct tunnel_traffic ipip4; /* by the outer header's family */
	struct tunnel_traffic ipip6;
	struct tunnel_traffic gue4;
	struct tunnel_traffic gue6;
	struct tunnel_traffic gre4;
	struct tunnel_traffic gre6;
	__u64 sent;	/* sent on by the program itself */
	__u64 last_hop; /* dropped: the TTL or hop limit ended */
	__u64 no_route; /* to be sent on, but left to the host */
	__u64 source_matched; /* the inner source became that of the outer header */
};

/* Programs add to their own CPU's value; user space sums. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decapsulated);
} decapsulated SEC(".maps");

/* `outer`: bytes that were removed. */
static __always_inline void count_tunnel(struct decapsulated *own, __u32 outer, __u32 bytes)
{
	struct tunnel_traffic *traffic = &own->ipip4;

	if (outer == sizeof(struct iphdr) + sizeof(struct udphdr))
		traffic = &own->gue4;
	else if (outer == sizeof(struct ipv6hdr))
		traffic = &own->ipip6;
	else if (outer == sizeof(struct ipv6hdr) + sizeof(struct udphdr))
		traffic = &own->gue6;
	else if (outer == sizeof(struct iphdr) + sizeof(struct gre_header))
		traffic = &own->gre4;
	else if (outer == sizeof(struct ipv6hdr) + sizeof(struct gre_header))
		traffic = &own->gre6;
	traffic->packets++;
	traffic->bytes += bytes;
}

/* Fills in what a route depends on. False if the packet is neither IPv4 nor IPv6. */
static __always_inline bool read_route_key(const struct ethhdr *eth, const void *end, struct bpf_fib_lookup *route)
{
	const struct iphdr *ip = (const void *)(eth + 1);
	const struct ipv6hdr *ip6 = (const void *)(eth + 1);

	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > end)
			return false;
		route->family = AF_INET;
		route->l4_protocol = ip->protocol;
		route->tot_len = bpf_ntohs(ip->tot_len);
		route->ipv4_src = ip->saddr;
		route->ipv4_dst = ip->daddr;
		return true;
	}
	if ((void *)(ip6 + 1) > end)
		return false;
	route->family = AF_INET6;
	route->l4_protocol = ip6->nexthdr;
	route->tot_len = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	__builtin_memcpy(route->ipv6_src, &ip6->saddr, sizeof(route->ipv6_src));
	__builtin_memcpy(route->ipv6_dst, &ip6->daddr, sizeof(route->ipv6_dst));
	return true;
}

/* Sends the inner packet to its next hop. Without a route or a known neighbour the host does it. */
static __always_inline int send_on(struct xdp_md *ctx, struct decapsulated *own)
{
	struct bpf_fib_lookup route = {.ifindex = ctx->ingress_ifindex};
	struct ethhdr *eth = packet_start(ctx);

	if ((void *)(eth + 1) > packet_end(ctx) || !read_route_key(eth, packet_end(ctx), &route) ||
	    bpf_fib_lookup(ctx, &route, sizeof(route), 0) != BPF_FIB_LKUP_RET_SUCCESS) {
		own->no_route++;
		return XDP_PASS;
	}
	__builtin_memcpy(eth->h_dest, route.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, route.smac, ETH_ALEN);
	own->sent++;
	return route.ifindex == ctx->ingress_ifindex ? XDP_TX : bpf_redirect(route.ifindex, 0);
}

/* A function of its own, since the compiler would subtract the pointers of two moments from each other. */
static __noinline __u32 frame_bytes(struct xdp_md *ctx)
{
	return packet_end(ctx) - packet_start(ctx);
}

SEC("xdp")
int decapsulate_packet(struct xdp_md *ctx)
{
	__u32 bytes = frame_bytes(ctx);
	struct decapsulated *own;
	__u32 zero = 0;
	int outcome;

	own = bpf_map_lookup_elem(&decapsulated, &zero);
	if (!own)
		return XDP_PASS;
	if (match_sources && match_source(ctx, gue_port))
		own->source_matched++;
	outcome = decapsulate(ctx, gue_port, egress);
	if (outcome == DECAPSULATED_NOTHING)
		return XDP_PASS;
	count_tunnel(own, bytes - frame_bytes(ctx), bytes);
	if (outcome == DECAPSULATED_LAST_HOP) {
		own->last_hop++;
		return XDP_DROP;
	}
	return egress ? send_on(ctx, own) : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
