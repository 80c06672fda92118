// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Programs that refuse or change what the processes of a cgroup ask for.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* include/uapi/asm-generic/socket.h */
#define SOL_SOCKET 1
#define SO_RCVBUF 8

/* Refuses /dev/full. */
SEC("cgroup/dev")
int on_device(struct bpf_cgroup_dev_ctx *ctx)
{
	return (ctx->access_type & 0xffff) != BPF_DEVCG_DEV_CHAR || ctx->major != 1 || ctx->minor != 7;
}

/* Lets every setting be read, and no other value than 65 be written. */
SEC("cgroup/sysctl")
int on_setting(struct bpf_sysctl *ctx)
{
	char value[8] = {};

	if (!ctx->write)
		return 1;
	return bpf_sysctl_get_new_value(ctx, value, sizeof(value)) > 0 && value[0] == '6' && value[1] == '5';
}

static __always_inline int *receive_buffer(struct bpf_sockopt *ctx)
{
	int *size = ctx->optval;

	if (ctx->level != SOL_SOCKET || ctx->optname != SO_RCVBUF || (void *)(size + 1) > ctx->optval_end)
		return 0;
	return size;
}

/* No receive buffer is set to more than 20,000 bytes. */
SEC("cgroup/setsockopt")
int on_set(struct bpf_sockopt *ctx)
{
	int *size = receive_buffer(ctx);

	if (size && *size > 20000)
		*size = 20000;
	return 1;
}

/* Processes get what they set, and not twice as much. */
SEC("cgroup/getsockopt")
int on_get(struct bpf_sockopt *ctx)
{
	int *size = receive_buffer(ctx);

	if (size)
		*size >>= 1;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
