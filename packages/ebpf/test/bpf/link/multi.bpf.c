// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// One program on many kernel functions.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 calls;

SEC("kprobe.multi/bpf_fentry_test*")
int on_any(void *ctx)
{
	__sync_fetch_and_add(&calls, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
