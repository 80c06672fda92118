/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Registers at a kprobe, read through the architecture's flavour that the running kernel's types contain. */
#pragma once

#include "kernel.h"

/* The compiler must not read both flavours by one load from a computed address, which the verifier refuses: hence the barrier. */
#define REGISTER(flavour, name)                                                                                        \
	({                                                                                                             \
		unsigned long value = ((struct flavour *)ctx)->name;                                                   \
		barrier_var(value);                                                                                    \
		value;                                                                                                 \
	})

static __always_inline unsigned long first_argument(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86, di))
		return REGISTER(pt_regs___x86, di);
	return REGISTER(pt_regs___arm64, regs[0]);
}

static __always_inline unsigned long return_value(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86, ax))
		return REGISTER(pt_regs___x86, ax);
	return REGISTER(pt_regs___arm64, regs[0]);
}
