// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The programs of tcp.bpf.c, for kernels whose verifier knows bpf_rdonly_cast (6.2). */
#define TYPED_READS
#include "tcp.bpf.c"
