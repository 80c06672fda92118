// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A program that user space calls.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct request {
	__u32 a, b;
	__u64 product;
};

SEC("syscall")
int multiply(struct request *request)
{
	request->product = (__u64)request->a * request->b;
	return 9;
}

char LICENSE[] SEC("license") = "GPL";
