// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Measures how long requests to disks take, from when the driver gets one until it is done.
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "../kernel/histogram.h"

char LICENSE[] SEC("license") = "GPL";

/* Only this device, major << 20 | minor; 0: all. */
const volatile __u32 only_device;

/* Microseconds. */
__u64 slots[HISTOGRAM_SLOTS];

/* How the formats of block_rq_issue and block_rq_complete begin. */
struct request {
	__u64 common;
	__u32 device;
	__u64 sector;
};

struct key {
	__u32 device;
	__u32 _unused;
	__u64 sector;
};

/* When requests that are under way were issued, in nanoseconds. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct key);
	__type(value, __u64);
} issued SEC(".maps");

SEC("tp/block/block_rq_issue")
int on_issue(struct request *request)
{
	struct key key = {.device = request->device, .sector = request->sector};
	__u64 now = bpf_ktime_get_ns();

	if (!only_device || key.device == only_device)
		bpf_map_update_elem(&issued, &key, &now, BPF_ANY);
	return 0;
}

SEC("tp/block/block_rq_complete")
int on_complete(struct request *request)
{
	struct key key = {.device = request->device, .sector = request->sector};
	__u64 *at = bpf_map_lookup_elem(&issued, &key);

	if (!at)
		return 0;
	count_value(slots, (bpf_ktime_get_ns() - *at) / 1000);
	bpf_map_delete_elem(&issued, &key);
	return 0;
}
