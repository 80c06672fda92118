// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Programs on hooks where several run in an order, on routes, netfilter and netkit, and others of rare kinds.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Each program of an order adds its digit. */
__u64 order, routed, filtered, left, dissected, acted;
/* The process whose niceness is looked at. */
const volatile __u32 target;
/* The process whose test runs end with another result. */
__u32 changed_process;

static __always_inline int digit(int number)
{
	order = order * 10 + number;
	return 1;
}

/* TCX_NEXT: the next program decides. */
SEC("?tc")
int tc_one(struct __sk_buff *skb)
{
	digit(1);
	return -1;
}

SEC("?tc")
int tc_two(struct __sk_buff *skb)
{
	digit(2);
	return -1;
}

SEC("?tc")
int tc_three(struct __sk_buff *skb)
{
	digit(3);
	return -1;
}

SEC("?cgroup/connect4")
int connect_one(struct bpf_sock_addr *ctx)
{
	return digit(1);
}

SEC("?cgroup/connect4")
int connect_two(struct bpf_sock_addr *ctx)
{
	return digit(2);
}

SEC("?cgroup/connect4")
int connect_three(struct bpf_sock_addr *ctx)
{
	return digit(3);
}

SEC("?lwt_out")
int on_route(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&routed, 1);
	return 0;
}

SEC("?lwt_xmit")
int on_route_sent(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&routed, 1);
	return 0;
}

SEC("?lwt_in")
int on_route_received(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&routed, 1);
	return 0;
}

SEC("?lwt_seg6local")
int on_segment(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&routed, 1);
	return BPF_DROP;
}

SEC("?action")
int on_action(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&acted, 1);
	return 0;
}

SEC("?raw_tp.w/bpf_test_finish")
int change_result(struct bpf_raw_tracepoint_args *ctx)
{
	int *result = (int *)ctx->args[0];

	if (bpf_get_current_pid_tgid() >> 32 == changed_process)
		*result = -19; /* ENODEV */
	return 0;
}

SEC("?flow_dissector")
int on_flow(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&dissected, 1);
	return BPF_OK;
}

SEC("?netfilter")
int on_hook(void *ctx)
{
	__sync_fetch_and_add(&filtered, 1);
	return 1;
}

SEC("?netkit/primary")
int on_primary(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&left, 1);
	return -1;
}

SEC("?lirc_mode2")
int on_pulse(unsigned int *sample)
{
	return 0;
}

/* Refuses the niceness 7: the arguments are the task, the niceness, and what the hook before it answered. */
SEC("?lsm/task_setnice")
int on_nice(unsigned long long *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 == target && (int)ctx[1] == 7)
		return -1; /* EPERM */
	return (int)ctx[2];
}

/* Refuses an address to sockets of the cgroup. */
SEC("?lsm_cgroup/socket_bind")
int on_bind(unsigned long long *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
