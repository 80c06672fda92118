// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// A static probe's arguments by the header of libbpf.
#define __TARGET_ARCH_x86
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

/* libbpf finds the instruction's address by the name of the member. */
#define __VMLINUX_H__
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

__s64 first, second, third;

SEC("usdt")
int on_counted(struct pt_regs *ctx)
{
	long value = 0;

	bpf_usdt_arg(ctx, 0, &value);
	first = value;
	bpf_usdt_arg(ctx, 1, &value);
	second = value;
	bpf_usdt_arg(ctx, 2, &value);
	third = value;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
