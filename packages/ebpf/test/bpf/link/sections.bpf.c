// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// One program of each kind whose section says all that there is to know.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target;
__u64 entered, returned, called, left, several, both, raw, classic;
__s64 result, call_result;

static __always_inline int ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target;
}

static __always_inline void count(__u64 *counter)
{
	if (ours())
		__sync_fetch_and_add(counter, 1);
}

SEC("kprobe/do_sys_openat2")
int on_entry(void *ctx)
{
	count(&entered);
	return 0;
}

SEC("kretprobe/do_sys_openat2")
int on_return(__s64 *ctx)
{
	count(&returned);
	// ax of x86-64's struct pt_regs, which holds a result.
	if (ours())
		result = ctx[10];
	return 0;
}

SEC("ksyscall/openat")
int on_call(void *ctx)
{
	count(&called);
	return 0;
}

SEC("kretsyscall/openat")
int on_call_end(__s64 *ctx)
{
	count(&left);
	if (ours())
		call_result = ctx[10];
	return 0;
}

SEC("?kprobe.multi/do_sys_open?t2")
int on_several(void *ctx)
{
	count(&several);
	return 0;
}

SEC("?kprobe.session/do_sys_openat*")
int on_both(void *ctx)
{
	count(&both);
	return 0;
}

SEC("raw_tp/sys_enter")
int on_raw(void *ctx)
{
	count(&raw);
	return 0;
}

SEC("tp/syscalls/sys_enter_openat")
int on_classic(void *ctx)
{
	count(&classic);
	return 0;
}

SEC("uprobe")
int on_function(void *ctx)
{
	count(&entered);
	return 0;
}

SEC("uretprobe")
int on_function_end(void *ctx)
{
	count(&returned);
	return 0;
}

SEC("cgroup_skb/egress")
int out(struct __sk_buff *ctx)
{
	__sync_fetch_and_add(&left, 1);
	return 1;
}

SEC("cgroup/skb")
int either(struct __sk_buff *ctx)
{
	return 1;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
