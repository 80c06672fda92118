// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Maps that refer to others: an array of maps with initial slots, a program array with initial slots.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [0] = &first, [2] = &second },
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

int tail(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__array(values, int(void *));
} calls SEC(".maps") = {
	.values = { [1] = (void *)&tail },
};

SEC("socket")
int tail(struct __sk_buff *skb)
{
	__u32 key = 7;
	__u64 one = 1;

	bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
	return 42;
}

SEC("socket")
int enter(struct __sk_buff *skb)
{
	__u32 slot = skb->len & 3, zero = 0;
	void *inner = bpf_map_lookup_elem(&outer, &slot);

	if (inner) {
		__u64 *value = bpf_map_lookup_elem(inner, &zero);

		if (value)
			__sync_fetch_and_add(value, 1);
	}
	bpf_tail_call(skb, &calls, 1);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
