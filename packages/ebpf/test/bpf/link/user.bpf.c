// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Probes on functions and static probes of a program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../../../include/weir/usdt.bpf.h"

__u64 calls, returns, many, both, counted, plain;
__s64 first, second, third, fourth, cookie, sum;
__s32 count, unreadable, absent;

SEC("?uprobe")
int on_call(void *ctx)
{
	__sync_fetch_and_add(&calls, 1);
	return 0;
}

SEC("?uretprobe")
int on_return(void *ctx)
{
	__sync_fetch_and_add(&returns, 1);
	return 0;
}

SEC("?uprobe.multi")
int on_many(void *ctx)
{
	__sync_fetch_and_add(&many, 1);
	return 0;
}

SEC("?uprobe.session")
int on_both(void *ctx)
{
	__sync_fetch_and_add(&both, 1);
	return 0;
}

SEC("?usdt")
int BPF_USDT(on_counted, int a, __u64 b, int c, __s64 d)
{
	long value;

	first = a;
	second = b;
	third = c;
	fourth = d;
	count = bpf_usdt_arg_cnt(ctx);
	cookie = bpf_usdt_cookie(ctx);
	unreadable = bpf_usdt_arg(ctx, 4, &value);
	absent = bpf_usdt_arg(ctx, 5, &value);
	__sync_fetch_and_add(&counted, 1);
	return 0;
}

SEC("?usdt")
int BPF_USDT(on_twice, int a)
{
	__sync_fetch_and_add(&sum, a);
	__sync_fetch_and_add(&counted, 1);
	return 0;
}

SEC("?usdt")
int on_plain(struct pt_regs *ctx)
{
	__sync_fetch_and_add(&plain, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
