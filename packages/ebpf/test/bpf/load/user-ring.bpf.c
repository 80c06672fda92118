// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A program that obeys records which user space writes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct order {
	__u32 number;
	__u16 kind;
	char text[10];
};

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct order);
} orders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} untyped SEC(".maps");

__u32 received;
__u32 sum;
__u32 unordered;
__u64 bytes;
struct order last;
__u64 wakeup;

static long obey(struct bpf_dynptr *record, void *context)
{
	if (bpf_dynptr_read(&last, sizeof(last), record, 0, 0))
		return 1;
	if (last.number <= sum)
		unordered++;
	sum = last.number;
	received++;
	return 0;
}

static long measure(struct bpf_dynptr *record, void *context)
{
	__u8 first;

	if (bpf_dynptr_read(&first, sizeof(first), record, 0, 0))
		return 1;
	bytes += first;
	return 0;
}

SEC("socket")
int take_orders(struct __sk_buff *skb)
{
	return bpf_user_ringbuf_drain(&orders, obey, 0, wakeup);
}

SEC("socket")
int take_bytes(struct __sk_buff *skb)
{
	return bpf_user_ringbuf_drain(&untyped, measure, 0, 0);
}
