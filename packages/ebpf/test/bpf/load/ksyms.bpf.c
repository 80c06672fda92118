// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A kernel symbol by its address, a variable by its type, a weak one that no kernel has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq {
	int cpu;
};
extern const void tcp_v4_connect __ksym;
extern const struct rq runqueues __ksym;
extern const void weir_no_such_symbol __ksym __weak;

__u64 address;
__u64 per_cpu;
__u64 missing = 1;

SEC("raw_tp/sys_enter")
int untyped(void *ctx)
{
	address = (__u64)&tcp_v4_connect;
	missing = (__u64)&weir_no_such_symbol;
	return 0;
}

SEC("raw_tp/sys_enter")
int typed(void *ctx)
{
	per_cpu = (__u64)bpf_per_cpu_ptr(&runqueues, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
