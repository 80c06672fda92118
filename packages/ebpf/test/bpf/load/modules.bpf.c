// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Things that many kernels have in modules: veth, and connection tracking with functions for programs.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct net_device___weir;

struct veth_priv {
	struct net_device___weir *peer;
} __attribute__((preserve_access_index));

struct weir_nowhere {
	int nothing;
} __attribute__((preserve_access_index));

__u64 opened;
__u32 has_veth, has_nowhere, peer_size, found;

SEC("fentry/veth_open")
int on_open(unsigned long long *ctx)
{
	opened++;
	return 0;
}

SEC("socket")
int types(struct __sk_buff *ctx)
{
	struct veth_priv *priv = 0;

	has_veth = bpf_core_type_exists(struct veth_priv);
	if (has_veth)
		peer_size = bpf_core_field_size(priv->peer);
	has_nowhere = bpf_core_type_exists(struct weir_nowhere);
	return 0;
}

struct bpf_ct_opts___weir {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

struct nf_conn {
	int unused;
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts___weir *options, __u32 options_size) __ksym;
extern void bpf_ct_release(struct nf_conn *connection) __ksym;

SEC("tc")
int track(struct __sk_buff *ctx)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_ct_opts___weir options = { .netns_id = -1, .l4proto = 6 };
	struct nf_conn *connection;

	connection = bpf_skb_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &options, sizeof(options));
	if (connection)
		bpf_ct_release(connection);
	found = options.error == 0 ? 1 : 2;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
