/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Functions that the verifier checks once, by themselves, rather than anew at each call (global functions: 5.6, with pointers to
 * memory 5.12). Where the kernel has none, user space loads them as ordinary ones.
 *
 * The verifier knows nothing of their arguments: addresses of the kernel are numbers, pointers to memory may be NULL, and
 * what they point to must have been initialised. The result is a number.
 */
#pragma once

#include "kernel.h"

#define VERIFIED_ONCE __attribute__((noinline))

/*
 * An argument of a program at fentry or fexit as a mere number: to the verifier it is a pointer to a known type, which cannot be
 * passed on for one.
 */
static __always_inline void *as_number(const void *argument)
{
	void *number = NULL;

	bpf_probe_read_kernel(&number, sizeof(number), &argument);
	return number;
}
