/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Arguments and results of functions, where the machine's calling convention has them. One object runs on x86-64 and arm64: CO-RE finds out which
 * of these structs the kernel has, and the other's branch is never run.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs___x86 {
	unsigned long di, si, dx, cx, ax;
};

struct pt_regs___arm64 {
	unsigned long long regs[31];
};

#pragma clang attribute pop

/* BPF_CORE_READ() keeps the compiler from reading either by one load from an address that it chooses, which the verifier refuses. */
#define REGISTER(ctx, x86, number)                                                                     \
	(bpf_core_field_exists(struct pt_regs___x86, x86) ?                                            \
		 (__u64)BPF_CORE_READ((struct pt_regs___x86 *)(ctx), x86) :                            \
		 (__u64)BPF_CORE_READ((struct pt_regs___arm64 *)(ctx), regs[number]))

#define SECOND_ARGUMENT(ctx) REGISTER(ctx, si, 1)
#define FOURTH_ARGUMENT(ctx) REGISTER(ctx, cx, 3)
#define RESULT(ctx) REGISTER(ctx, ax, 0)
