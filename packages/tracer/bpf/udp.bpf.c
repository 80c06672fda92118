// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Counts UDP. User space loads one of three sets of programs, by what the kernel offers: `*_fentry`/`*_fexit`, or
 * `*_kprobe`/`*_kretprobe`, or `packet_*` with `socket_*`.
 */
#include "registers.h"
#include "udp-calls.h"
#include "udp-packets.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline unsigned long second_argument(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86_arguments, si))
		return BPF_CORE_READ((struct pt_regs___x86_arguments *)ctx, si);
	return BPF_CORE_READ((struct pt_regs___arm64 *)ctx, regs[1]);
}

static __always_inline unsigned long third_argument(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86_arguments, dx))
		return BPF_CORE_READ((struct pt_regs___x86_arguments *)ctx, dx);
	return BPF_CORE_READ((struct pt_regs___arm64 *)ctx, regs[2]);
}

SEC("fentry/ip_send_skb")
int send4_fentry(__u64 *ctx)
{
	return sending((const void *)ctx[1]);
}

SEC("fentry/ip6_send_skb")
int send6_fentry(__u64 *ctx)
{
	return sending((const void *)ctx[0]);
}

SEC("fexit/udp_sendmsg")
int sent4_fexit(__u64 *ctx)
{
	return sent((const void *)ctx[0], (int)ctx[3]);
}

SEC("fexit/udpv6_sendmsg")
int sent6_fexit(__u64 *ctx)
{
	return sent((const void *)ctx[0], (int)ctx[3]);
}

SEC("fentry/skb_consume_udp")
int received_fentry(__u64 *ctx)
{
	return received((const void *)ctx[0], (const void *)ctx[1], (int)ctx[2]);
}

SEC("fentry/udp_destroy_sock")
int closed4_fentry(__u64 *ctx)
{
	close_socket(ctx[0]);
	return 0;
}

SEC("fentry/udpv6_destroy_sock")
int closed6_fentry(__u64 *ctx)
{
	close_socket(ctx[0]);
	return 0;
}

SEC("kprobe/ip_send_skb")
int send4_kprobe(void *ctx)
{
	return sending((const void *)second_argument(ctx));
}

SEC("kprobe/ip6_send_skb")
int send6_kprobe(void *ctx)
{
	return sending((const void *)first_argument(ctx));
}

/*
 * The return of udp_sendmsg, where its arguments are gone: the socket is the one that is on its way, which is of this
 * thread, too.
 */
static __always_inline int returned(void *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_pending *pending = bpf_map_lookup_elem(&udp_pending, &thread);

	return pending ? sent((const void *)pending->sk, (int)return_value(ctx)) : 0;
}

SEC("kretprobe/udp_sendmsg")
int sent4_kretprobe(void *ctx)
{
	return returned(ctx);
}

SEC("kretprobe/udpv6_sendmsg")
int sent6_kretprobe(void *ctx)
{
	return returned(ctx);
}

SEC("kprobe/skb_consume_udp")
int received_kprobe(void *ctx)
{
	return received((const void *)first_argument(ctx), (const void *)second_argument(ctx),
			(int)third_argument(ctx));
}

SEC("kprobe/udp_destroy_sock")
int closed4_kprobe(void *ctx)
{
	close_socket(first_argument(ctx));
	return 0;
}

SEC("kprobe/udpv6_destroy_sock")
int closed6_kprobe(void *ctx)
{
	close_socket(first_argument(ctx));
	return 0;
}

SEC("cgroup_skb/egress")
int packet_egress(struct __sk_buff *ctx)
{
	return packet(ctx, true);
}

SEC("cgroup_skb/ingress")
int packet_ingress(struct __sk_buff *ctx)
{
	return packet(ctx, false);
}

SEC("cgroup/sock_create")
int socket_made(struct bpf_sock *ctx)
{
	return made(ctx);
}

SEC("cgroup/sock_release")
int socket_released(struct bpf_sock *ctx)
{
	if (ctx->protocol == IPPROTO_UDP)
		close_socket(bpf_get_socket_cookie(ctx));
	return 1;
}
