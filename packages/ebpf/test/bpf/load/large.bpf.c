// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Variables of many megabytes, which are no bytes of the object.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define COUNT (9 << 20)

__u64 numbers[COUNT];

SEC("socket")
int write_last(struct __sk_buff *skb)
{
	numbers[COUNT - 1] = 7;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
