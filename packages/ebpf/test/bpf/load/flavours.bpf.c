// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Other names for kernel functions: what comes after three underscores does not count, parameters do.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_rcu_read_lock___now(void) __ksym __weak;
extern void bpf_rcu_read_unlock___now(void) __ksym __weak;
extern int bpf_rcu_read_lock___once(long first, long second) __ksym __weak;

__u64 flavoured, other;

SEC("tp_btf/sys_enter")
int call(unsigned long long *ctx)
{
	if (&bpf_rcu_read_lock___now && &bpf_rcu_read_unlock___now) {
		bpf_rcu_read_lock___now();
		flavoured++;
		bpf_rcu_read_unlock___now();
	}
	if (&bpf_rcu_read_lock___once)
		other += bpf_rcu_read_lock___once(1, 2);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
