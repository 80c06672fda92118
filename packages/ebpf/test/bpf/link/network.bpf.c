// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Programs on packets, sockets and cgroups, each counting.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 received, replaced, ingress, egress, connects, bytes, established, filtered, created;

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&received, 1);
	return XDP_PASS;
}

SEC("xdp")
int on_xdp_too(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&replaced, 1);
	return XDP_PASS;
}

SEC("tc")
int on_ingress(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&ingress, 1);
	return 0;
}

SEC("tc")
int on_egress(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&egress, 1);
	return 0;
}

SEC("cgroup/connect4")
int on_connect(struct bpf_sock_addr *ctx)
{
	__sync_fetch_and_add(&connects, 1);
	return 1;
}

SEC("cgroup_skb/egress")
int on_cgroup_packet(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&bytes, skb->len);
	return 1;
}

SEC("cgroup/sock_create")
int on_create(struct bpf_sock *ctx)
{
	__sync_fetch_and_add(&created, 1);
	return 1;
}

SEC("sockops")
int on_sockops(struct bpf_sock_ops *ctx)
{
	if (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		__sync_fetch_and_add(&established, 1);
	return 0;
}

SEC("socket")
int on_receive(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&filtered, 1);
	return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
