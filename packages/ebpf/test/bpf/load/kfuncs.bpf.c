// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Kernel functions: a pair that came in 6.2, and one that no kernel has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;
extern int weir_no_such_function(int value) __ksym __weak;

__u64 locked, missing;

SEC("tp_btf/sys_enter")
int call(unsigned long long *ctx)
{
	if (&bpf_rcu_read_lock && &bpf_rcu_read_unlock) {
		bpf_rcu_read_lock();
		locked++;
		bpf_rcu_read_unlock();
	}
	if (&weir_no_such_function)
		missing += weir_no_such_function(1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
