/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Registers at a kprobe, read through the architecture's flavour that the running kernel's types contain. */
#pragma once

#include "kernel.h"

static __always_inline unsigned long first_argument(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86, di))
		return BPF_CORE_READ((struct pt_regs___x86 *)ctx, di);
	return BPF_CORE_READ((struct pt_regs___arm64 *)ctx, regs[0]);
}

static __always_inline unsigned long return_value(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86, ax))
		return BPF_CORE_READ((struct pt_regs___x86 *)ctx, ax);
	return BPF_CORE_READ((struct pt_regs___arm64 *)ctx, regs[0]);
}
