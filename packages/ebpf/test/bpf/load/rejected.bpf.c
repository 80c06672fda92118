// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A good program, and one that the verifier refuses: it reads behind a null check that is missing.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

unsigned int counter;

SEC("socket")
int good(struct __sk_buff *skb)
{
	counter++;
	return 0;
}

SEC("socket")
int unchecked(struct __sk_buff *skb)
{
	__u32 key = 1;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	return *value;
}

char LICENSE[] SEC("license") = "GPL";
