// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The lifecycle of every TCP connection of this host. User space attaches state_change or state_change_event, then
 * state_change_nested, one of the accept programs, and where the kernel has them the connect programs; it runs
 * existing_sockets once.
 *
 *   state_change*     tracepoint inet_sock_set_state (4.16)
 *   graft_*           security_sock_graft: entered in accept() once there is a connection
 *   accept_*          return of inet_csk_accept; accept_breakpoint: shortly before
 *   connect_*         return of tcp_v4_connect and tcp_v6_connect
 *   existing_sockets  iterator over the open files of all processes (5.8)
 *   closed_flows      iterator over the flow table (5.9)
 */
#include "tcp-lifecycle.h"
#include "breakpoint.h"
#include "registers.h"
#include "existing-sockets.h"
#include "missed-ends.h"

char LICENSE[] SEC("license") = "GPL";

SEC("raw_tp/inet_sock_set_state")
int state_change(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	int from = ctx->args[1], to = ctx->args[2];

	claim_change(sk, from, to);
	return state_changes(ctx, sk, from, to);
}

/* The head of /sys/kernel/tracing/events/sock/inet_sock_set_state/format, the same since 4.16. */
struct set_state_event {
	__u64 common;
	__u64 skaddr;
	__s32 oldstate;
	__s32 newstate;
};

SEC("tracepoint/sock/inet_sock_set_state")
int state_change_event(struct set_state_event *ctx)
{
	struct sock *sk = (struct sock *)ctx->skaddr;
	int from = ctx->oldstate, to = ctx->newstate;

	claim_change(sk, from, to);
	return state_changes(ctx, sk, from, to);
}

SEC("raw_tp/inet_sock_set_state")
int state_change_nested(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	int from = ctx->args[1], to = ctx->args[2];

	if (begin_fallback(sk, from, to)) {
		state_changes(ctx, sk, from, to);
		end_fallback();
	}
	return 0;
}

/* Arguments of a function at its fentry and fexit: 64 bits each; at fexit the result follows the last. */
SEC("fentry/security_sock_graft")
int graft_fentry(__u64 *ctx)
{
	return accept_returns(ctx, as_number((void *)ctx[0]));
}

SEC("kprobe/security_sock_graft")
int graft_kprobe(void *ctx)
{
	return accept_returns(ctx, (struct sock *)first_argument(ctx));
}

SEC("fexit/inet_csk_accept")
int accept_fexit(__u64 *ctx)
{
	if (bpf_core_type_exists(struct proto_accept_arg))
		return accept_returns(ctx, as_number((void *)ctx[2]));
	return accept_returns(ctx, as_number((void *)ctx[4]));
}

SEC("kretprobe/inet_csk_accept")
int accept_kretprobe(void *ctx)
{
	return accept_returns(ctx, (struct sock *)return_value(ctx));
}

SEC("perf_event")
int accept_breakpoint(struct breakpoint_context *ctx)
{
	return accept_returns(ctx, accepted_socket(ctx));
}

SEC("fexit/tcp_v4_connect")
int connect_v4_fexit(__u64 *ctx)
{
	return connect_refused_locally(ctx, (struct sock *)ctx[0], (struct sockaddr *)ctx[1], ctx[3]);
}

SEC("fexit/tcp_v6_connect")
int connect_v6_fexit(__u64 *ctx)
{
	return connect_refused_locally(ctx, (struct sock *)ctx[0], (struct sockaddr *)ctx[1], ctx[3]);
}

SEC("iter/task_file")
int existing_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file)
		return 0;
	return add_existing_socket(task, file);
}

SEC("iter/bpf_map_elem")
int closed_flows(struct bpf_iter__bpf_map_elem *ctx)
{
	return write_closed_flow(ctx);
}
