// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Finds out whether accept() can be seen by a breakpoint, and what breakpoint.h must know for that: user space listens and
 * accepts in a network namespace of its own, and these programs look on.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "breakpoint.h"

char LICENSE[] SEC("license") = "GPL";

/* The port on which user space listens. */
const volatile __u32 probe_port = 0;

/* Where the pointers are, 0 if not found: written by find_pointers. */
__u64 ipv4_pointer;
__u64 ipv6_pointer;
/* Written by find_place, which runs at the reads of one thread: what place_of() had at the last accept(). */
__u64 place;
__u32 accepts;

SEC("raw_tp/inet_sock_set_state")
int find_pointers(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	const struct request_sock_ops *ops;
	__u64 pointer;

	if (ctx->args[2] != TCP_LISTEN || BPF_CORE_READ(sk, __sk_common.skc_num) != probe_port)
		return 0;
	if (!bpf_core_field_exists(struct proto, rsk_prot) ||
	    !bpf_core_field_exists(struct request_sock_ops, destructor) ||
	    !bpf_core_field_exists(struct request_sock, rsk_ops) || !bpf_core_field_exists(struct request_sock, sk))
		return 0;
	ops = BPF_CORE_READ((struct sock_common___proto *)sk, skc_prot, rsk_prot);
	if (!ops)
		return 0;
	pointer = (__u64)ops + bpf_core_field_offset(struct request_sock_ops, destructor);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET)
		ipv4_pointer = pointer;
	else
		ipv6_pointer = pointer;
	return 0;
}

SEC("perf_event")
int find_place(struct breakpoint_context *ctx)
{
	__u64 request = request_at(ctx);
	struct sock *sk;

	if (!request)
		return 0;
	sk = child_at(request);
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_num) != probe_port)
		return 0;
	place = place_of(ctx, request);
	accepts++;
	return 0;
}
