// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// One program of each kind whose section says all that there is to know.
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target;
const volatile bool arm64;
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

// In struct pt_regs: x0 of arm64, ax of x86-64. The barrier keeps the compiler from one load at a computed place.
static __always_inline __s64 returned_value(__s64 *ctx)
{
	__s64 value;

	if (arm64) {
		value = ctx[0];
		asm volatile("" : "+r"(value));
		return value;
	}
	value = ctx[10];
	asm volatile("" : "+r"(value));
	return value;
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
	if (ours())
		result = returned_value(ctx);
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
		call_result = returned_value(ctx);
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
