// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Tracepoints and sampled events, each counting what the chosen process does.
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target;
__u64 raw, btf, classic, sampled;

static __always_inline int ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target;
}

SEC("raw_tp/sys_enter")
int on_raw(void *ctx)
{
	if (ours())
		__sync_fetch_and_add(&raw, 1);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 16 * sizeof(__u64));
} stacks SEC(".maps");

__s64 stack;

SEC("raw_tp/sys_enter")
int on_stack(void *ctx)
{
	if (ours())
		stack = bpf_get_stackid(ctx, &stacks, 0);
	return 0;
}

SEC("tp_btf/sys_enter")
int on_btf(unsigned long long *ctx)
{
	if (ours())
		__sync_fetch_and_add(&btf, 1);
	return 0;
}

SEC("tracepoint/sched/sched_switch")
int on_classic(void *ctx)
{
	__sync_fetch_and_add(&classic, 1);
	return 0;
}

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
	__sync_fetch_and_add(&sampled, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
