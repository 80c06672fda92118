/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Seeing accept() by a hardware breakpoint on data, where the kernel has neither kprobes nor trampolines.
 *
 * A connection waits to be accepted as the child of a request_sock. accept(), before it returns, frees the request, and for
 * that reads the pointer request_sock_ops.destructor, of which there is one for IPv4 and one for IPv6. The processor traps
 * behind that read, in the accepting process. Requests are freed elsewhere, too: only a read by accept() counts, which is
 * known by the address of the instruction. User space finds that address out with an accept() of its own.
 */
#pragma once

#include "kernel.h"

#define TCP_NEW_SYN_RECV 12

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct request_sock;

struct request_sock_ops {
	void (*destructor)(struct request_sock *req);
};

struct request_sock {
	struct sock_common __req_common;
	const struct request_sock_ops *rsk_ops;
	struct sock *sk; /* the connection, once its handshake is over */
};

struct proto {
	const struct request_sock_ops *rsk_prot;
};

struct sock_common___proto {
	const struct proto *skc_prot;
};

#pragma clang attribute pop

/* The context of a program on a perf event, on x86-64: struct pt_regs of arch/x86/include/uapi/asm/ptrace.h. */
struct breakpoint_context {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	__u64 orig_ax, ip, cs, flags, sp, ss;
};

/* Where accept() reads the pointer: the value that place_of() had in an accept() of user space's own. */
const volatile __u64 accept_place = 0;
/* From that place to where a function that accept() called returns to. */
#define ACCEPT_PLACE_LENGTH 32
/* MPTCP reads the pointer in a function between. */
#define STACK_WORDS 4

static __always_inline __u64 word_at(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (const void *)address);
	return word;
}

/* The connection of a request, if there is one at this address whose handshake is over. */
static __always_inline struct sock *child_at(__u64 address)
{
	struct request_sock *req = (struct request_sock *)address;
	struct sock *sk;

	if (!(address >> 63) || BPF_CORE_READ(req, __req_common.skc_state) != TCP_NEW_SYN_RECV)
		return NULL;
	sk = BPF_CORE_READ(req, sk);
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_dport) != BPF_CORE_READ(req, __req_common.skc_dport))
		return NULL;
	return sk;
}

/*
 * Which register has the request is the compiler's choice: one that a call preserves, or the argument of the destructor.
 * They are volatile because the verifier wants each read at its own offset of the context.
 */
static __noinline __u64 request_at(volatile struct breakpoint_context *ctx)
{
	__u64 candidates[] = {ctx->bx, ctx->di, ctx->bp, ctx->r12, ctx->r13, ctx->r14, ctx->r15};

#pragma unroll
	for (int i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		if (child_at(candidates[i]))
			return candidates[i];
	}
	return 0;
}

/* The instruction behind the read; where that is a call through the pointer, the one to which the call returns. */
static __always_inline __u64 place_of(const volatile struct breakpoint_context *ctx, __u64 request)
{
	const struct request_sock *req = (const struct request_sock *)request;

	return ctx->ip == (__u64)BPF_CORE_READ(req, rsk_ops, destructor) ? word_at(ctx->sp) : ctx->ip;
}

static __always_inline bool is_accept(__u64 place)
{
	return place - accept_place < ACCEPT_PLACE_LENGTH;
}

/* The connection that the current process accepts; NULL where a request is freed for another reason. */
static __always_inline struct sock *accepted_socket(volatile struct breakpoint_context *ctx)
{
	bool accepts = is_accept(ctx->ip);
	__u64 request;

#pragma unroll
	for (int i = 0; i < STACK_WORDS; i++)
		accepts = accepts || is_accept(word_at(ctx->sp + i * sizeof(__u64)));
	if (!accepts)
		return NULL;
	request = request_at(ctx);
	return request ? child_at(request) : NULL;
}
