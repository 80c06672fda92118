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

static __always_inline unsigned long fourth_argument(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86_arguments, cx))
		return BPF_CORE_READ((struct pt_regs___x86_arguments *)ctx, cx);
	return BPF_CORE_READ((struct pt_regs___arm64 *)ctx, regs[3]);
}

static __always_inline unsigned long fifth_argument(void *ctx)
{
	if (bpf_core_field_exists(struct pt_regs___x86_arguments, r8))
		return BPF_CORE_READ((struct pt_regs___x86_arguments *)ctx, r8);
	return BPF_CORE_READ((struct pt_regs___arm64 *)ctx, regs[4]);
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

SEC("fexit/ip_send_skb")
int sent4_fexit(__u64 *ctx)
{
	return sent((int)ctx[2]);
}

SEC("fexit/ip6_send_skb")
int sent6_fexit(__u64 *ctx)
{
	return sent((int)ctx[1]);
}

/* The verifier accepts no argument at a computed address, which the compiler would otherwise use. */
static __always_inline int receiving_typed(__u64 *ctx)
{
	__u64 flags;

	if (flags_argument == 3) {
		flags = ctx[3];
		barrier_var(flags);
	} else {
		flags = ctx[4];
		barrier_var(flags);
	}
	return receiving(ctx[2], flags);
}

SEC("fentry/udp_recvmsg")
int receiving4_fentry(__u64 *ctx)
{
	return receiving_typed(ctx);
}

SEC("fentry/udpv6_recvmsg")
int receiving6_fentry(__u64 *ctx)
{
	return receiving_typed(ctx);
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

SEC("kretprobe/ip_send_skb")
int sent4_kretprobe(void *ctx)
{
	return sent((int)return_value(ctx));
}

SEC("kretprobe/ip6_send_skb")
int sent6_kretprobe(void *ctx)
{
	return sent((int)return_value(ctx));
}

static __always_inline int receiving_untyped(void *ctx)
{
	return receiving(third_argument(ctx), flags_argument == 3 ? fourth_argument(ctx) : fifth_argument(ctx));
}

SEC("kprobe/udp_recvmsg")
int receiving4_kprobe(void *ctx)
{
	return receiving_untyped(ctx);
}

SEC("kprobe/udpv6_recvmsg")
int receiving6_kprobe(void *ctx)
{
	return receiving_untyped(ctx);
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
