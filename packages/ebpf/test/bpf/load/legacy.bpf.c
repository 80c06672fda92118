// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Maps in the old form, without types.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct old_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

struct old_map_def counts SEC("maps") = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.max_entries = 2,
};

struct old_map_def table SEC("maps") = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = 4,
	.value_size = 4,
	.max_entries = 16,
	.map_flags = BPF_F_NO_PREALLOC,
};

SEC("socket")
int count(struct __sk_buff *ctx)
{
	__u32 key = 1, value = 9;
	__u64 *counter = bpf_map_lookup_elem(&counts, &key);

	if (counter)
		*counter += 5;
	bpf_map_update_elem(&table, &key, &value, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
