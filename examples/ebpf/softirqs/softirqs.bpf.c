// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Sums up how often each kind of soft interrupt ran on each CPU, and for how long.
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* HI, TIMER, NET_TX, NET_RX, BLOCK, IRQ_POLL, TASKLET, SCHED, HRTIMER, RCU */
#define KINDS 10

struct total {
	__u64 count;
	__u64 time_ns;
	__u64 began; /* when the one under way began; 0 if there is none */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KINDS);
	__type(key, __u32);
	__type(value, struct total);
} totals SEC(".maps");

SEC("raw_tp/softirq_entry")
int on_entry(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 kind = ctx->args[0];
	struct total *total = bpf_map_lookup_elem(&totals, &kind);

	if (total)
		total->began = bpf_ktime_get_ns();
	return 0;
}

SEC("raw_tp/softirq_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 kind = ctx->args[0];
	struct total *total = bpf_map_lookup_elem(&totals, &kind);

	if (!total || !total->began)
		return 0;
	total->count++;
	total->time_ns += bpf_ktime_get_ns() - total->began;
	total->began = 0;
	return 0;
}
