// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Callbacks (static and global), a kernel variable, a kernel function, static functions beside their callers.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

extern const int bpf_prog_active __ksym __weak;
extern const void jiffies __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

static __noinline int helper(__u64 *value)
{
	return *value > 3;
}

static int each(void *map, __u32 *key, __u64 *value, void *context)
{
	*(__u64 *)context += *value;
	return helper(value);
}

static SEC("xdp") __noinline int beside(int x)
{
	return x * x + 1;
}

SEC("xdp") int caller(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_for_each_map_elem(&numbers, each, &sum, 0);
	return beside(sum) & 3;
}

SEC("tp_btf/sys_enter") int kernel_symbols(void *ctx)
{
	const int *active;

	bpf_rcu_read_lock();
	active = &bpf_prog_active ? bpf_per_cpu_ptr(&bpf_prog_active, 0) : 0;
	if (bpf_rcu_read_unlock)
		bpf_rcu_read_unlock();
	return active ? *active + (long)&jiffies : 0;
}

char LICENSE[] SEC("license") = "GPL";
