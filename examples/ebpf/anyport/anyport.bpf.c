// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Gives connections to any port of a range to one socket that listens on another.
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 first_port;
const volatile __u32 last_port;

#define IPPROTO_TCP 6

/* The socket that listens. Inserted by the tool. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} listener SEC(".maps");

SEC("sk_lookup")
int on_lookup(struct bpf_sk_lookup *ctx)
{
	struct bpf_sock *sk;
	__u32 first = 0;

	if (ctx->protocol != IPPROTO_TCP || ctx->local_port < first_port || ctx->local_port > last_port)
		return SK_PASS;
	sk = bpf_map_lookup_elem(&listener, &first);
	if (!sk)
		return SK_PASS;
	/* One that listens on :: takes IPv4 as well. Where the kernel refuses, its own lookup goes on. */
	bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return SK_PASS;
}
