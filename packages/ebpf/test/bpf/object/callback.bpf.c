// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Subprograms whose addresses are taken: static and global callbacks. Linux 5.13.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

static __noinline int helper(__u64 value)
{
	return value > 3;
}

static int each(void *map, __u32 *key, __u64 *value, void *context)
{
	*(__u64 *)context += *value;
	return helper(*value);
}

static int each_other(void *map, __u32 *key, __u64 *value, void *context)
{
	*(__u64 *)context ^= *value;
	return helper(*key);
}

SEC("xdp") int caller(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_for_each_map_elem(&numbers, each_other, &sum, 0);
	bpf_for_each_map_elem(&numbers, each, &sum, 0);
	return sum & 3;
}

SEC("tc") int second_caller(struct __sk_buff *skb)
{
	__u64 sum = 0;

	bpf_for_each_map_elem(&numbers, each, &sum, 0);
	return sum & 1;
}

char LICENSE[] SEC("license") = "GPL";
