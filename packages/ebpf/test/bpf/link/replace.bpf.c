// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A program, and others that trace and replace its functions.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 entered, left;
__s64 result;

__attribute__((noinline)) int subprogram(struct xdp_md *ctx)
{
	volatile int value = 1;

	return value;
}

SEC("xdp")
int original(struct xdp_md *ctx)
{
	return subprogram(ctx);
}

SEC("?freplace/subprogram")
int replacement(struct xdp_md *ctx)
{
	return 2;
}

SEC("?fentry/subprogram")
int on_entry(unsigned long long *ctx)
{
	entered++;
	return 0;
}

SEC("?fexit")
int on_exit(unsigned long long *ctx)
{
	left++;
	result = ctx[1];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
