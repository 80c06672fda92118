// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Memory with pointers that are valid in programs and in processes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))
/** Newer than the headers of some distributions. */
#define MAP_TYPE_ARENA 33

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
} arena SEC(".maps");

struct node {
	__u64 next __attribute__((btf_decl_tag("bigint")));
	__u32 value;
};

struct node __arena first = { 0, 40 };
__u64 __arena nodes = 1;
static __u32 __arena runs = 3;
/** Room for nodes that user space fills. */
__u8 __arena room[4096];

/** Sums the values of all nodes from the first on. */
SEC("socket")
int walk(struct __sk_buff *skb)
{
	struct node __arena *node = &first;
	__u32 sum = 0;

	asm volatile("" : : "r"(&arena));
	for (int i = 0; i < 8 && node; i++) {
		sum += node->value;
		nodes = i + 1;
		node = (struct node __arena *)node->next;
	}
	runs++;
	return sum;
}
