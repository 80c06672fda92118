// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A function's entry and exit. BPF's own test runs of tracing programs call bpf_fentry_test1(1), which returns 2.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 argument, result;

SEC("fentry/bpf_fentry_test1")
int on_entry(unsigned long long *ctx)
{
	argument = ctx[0];
	return 0;
}

SEC("fexit/bpf_fentry_test1")
int on_exit(unsigned long long *ctx)
{
	result = ctx[1];
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
