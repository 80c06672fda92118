// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Limits the socket buffers that the processes of a cgroup ask for, and reports each that asked for more.
#include "../kernel/current.h"

char LICENSE[] SEC("license") = "GPL";

/* Bytes. */
const volatile __s32 limit;

/* include/uapi/asm-generic/socket.h */
#define SOL_SOCKET 1
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_SNDBUFFORCE 32
#define SO_RCVBUFFORCE 33

struct event {
	struct process process;
	__s32 asked;
	__u8 receive;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

static __always_inline void report(__s32 asked, bool receive)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	read_process(&event->process);
	event->asked = asked;
	event->receive = receive;
	bpf_ringbuf_submit(event, 0);
}

/* The kernel shows programs a page of a value at most. With the length 0 it goes on with the process's own, whole one. */
static __always_inline void leave_long_values(struct bpf_sockopt *ctx)
{
	if (ctx->optlen > 4096)
		ctx->optlen = 0;
}

static __always_inline bool is_buffer(struct bpf_sockopt *ctx)
{
	return ctx->level == SOL_SOCKET && (ctx->optname == SO_SNDBUF || ctx->optname == SO_RCVBUF);
}

static __always_inline bool is_forced_buffer(struct bpf_sockopt *ctx)
{
	return ctx->level == SOL_SOCKET && (ctx->optname == SO_SNDBUFFORCE || ctx->optname == SO_RCVBUFFORCE);
}

SEC("cgroup/setsockopt")
int on_set(struct bpf_sockopt *ctx)
{
	__s32 *size = ctx->optval;

	leave_long_values(ctx);
	if (!is_buffer(ctx) && !is_forced_buffer(ctx))
		return 1;
	if ((void *)(size + 1) > ctx->optval_end || *size <= limit)
		return 1;
	report(*size, ctx->optname == SO_RCVBUF || ctx->optname == SO_RCVBUFFORCE);
	*size = limit;
	return 1;
}

/* The kernel doubles what it is asked for, to have room for its own, and says so when it is asked again. Processes get what they set. */
SEC("cgroup/getsockopt")
int on_get(struct bpf_sockopt *ctx)
{
	__s32 *size = ctx->optval;

	leave_long_values(ctx);
	if (is_buffer(ctx) && (void *)(size + 1) <= ctx->optval_end)
		*size >>= 1;
	return 1;
}
