// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Socket lookup in a network namespace.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 lookups;

SEC("sk_lookup")
int on_lookup(struct bpf_sk_lookup *ctx)
{
	__sync_fetch_and_add(&lookups, 1);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
