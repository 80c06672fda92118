// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Maps whose shape is more than sizes: types of inner maps, rounded sizes, flags, filters without keys.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct locked {
	struct bpf_spin_lock lock;
	__u32 count;
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
};

struct inner first SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &first } };

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__type(value, __u32);
	__uint(map_extra, 3);
} filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 5000);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1001);
	__uint(map_flags, BPF_F_NO_COMMON_LRU);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} recent SEC(".maps");

SEC("tc")
int count(struct __sk_buff *ctx)
{
	__u32 key = 0;
	struct locked *value;
	void *map = bpf_map_lookup_elem(&outer, &key);

	if (!map)
		return 1;
	value = bpf_map_lookup_elem(map, &key);
	if (!value)
		return 2;
	bpf_spin_lock(&value->lock);
	value->count++;
	bpf_spin_unlock(&value->lock);
	return 3;
}

SEC("socket")
int ask(struct __sk_buff *ctx)
{
	__u32 value = 7;

	return bpf_map_peek_elem(&filter, &value) == 0 ? 1 : 2;
}

SEC("socket")
int pinned(struct __sk_buff *ctx)
{
	__u32 key = 1;
	__u64 value = 2;

	bpf_ringbuf_output(&ring, &key, sizeof(key), 0);
	bpf_map_update_elem(&recent, &key, &value, 0);
	return bpf_map_lookup_elem(&table, &key) != 0;
}

char LICENSE[] SEC("license") = "GPL";
