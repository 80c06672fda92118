/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Reading the kernel's objects: by a helper, or in programs compiled with TYPED_READS by loads. The verifier knows the type of
 * a cast object, and that a load from it may fault (6.2).
 */
#pragma once

#include "kernel.h"

/*
 * ONE_COPY: of a function that several others call. Kernels before 5.2 load no program with more than 4,096 instructions; those with
 * typed reads do, and are spared the call.
 */
#ifdef TYPED_READS

#define ONE_COPY __always_inline
#define READS_ARE_CALLS false

/* No code remains of it: it gives the verifier the type. */
extern void *bpf_rdonly_cast(const void *object, __u32 type_id) __ksym __attribute__((const));

#define TYPED(type, object) ((const type *)bpf_rdonly_cast(object, bpf_core_type_id_kernel(type)))
/* A member of an object of this type, or through pointers of it (READ(struct sock, sk, __sk_common.skc_net.net->ns.inum)). */
#define READ(type, object, member) (TYPED(type, object)->member)
#define READ_BITFIELD(type, object, member)                                                                            \
	({                                                                                                             \
		const type *typed = TYPED(type, object);                                                               \
		BPF_CORE_READ_BITFIELD(typed, member);                                                                 \
	})

#else

#define ONE_COPY __noinline
#define READS_ARE_CALLS true

#define READ(type, object, member) BPF_CORE_READ((const type *)(object), member)
#define READ_BITFIELD(type, object, member)                                                                            \
	({                                                                                                             \
		const type *typed = (const void *)(object);                                                            \
		BPF_CORE_READ_BITFIELD_PROBED(typed, member);                                                          \
	})

#endif
