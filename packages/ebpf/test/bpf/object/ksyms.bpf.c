// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Kernel variables, typed and untyped, and kernel functions, strong and weak. Linux 6.2.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq {
	unsigned int nr_running;
} __attribute__((preserve_access_index));

extern const struct rq runqueues __ksym;
extern const int no_such_variable __ksym __weak;
extern const void bpf_prog_put __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void no_such_function(void) __ksym __weak;

SEC("tp_btf/sys_enter") int kernel_symbols(void *ctx)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);
	int running;

	bpf_rcu_read_lock();
	running = rq ? rq->nr_running : 0;
	bpf_rcu_read_unlock();
	if (&no_such_variable)
		running += no_such_variable;
	if (no_such_function)
		no_such_function();
	return running + ((long)&bpf_prog_put & 1);
}

char LICENSE[] SEC("license") = "GPL";
