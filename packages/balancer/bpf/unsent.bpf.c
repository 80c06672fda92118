// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Counts the packets that XDP programs of some devices have sent, and that a driver did not take. The programs do not learn of
 * that: the kernel sends later, many packets at a time.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* The kernel's own types, reduced to the fields that are read: CO-RE finds each by its name. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum; /* the number that /proc/PID/ns/net shows */
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
};

#pragma clang attribute pop

/* The network namespace of the devices; others have devices of the same indexes. */
const volatile __u32 network = 0;

/* The devices that have programs, by their indexes. User space inserts, and sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} entry_devices SEC(".maps");

struct unsent {
	__u64 redirected;  /* to another device */
	__u64 transmitted; /* back by the device through which they came */
};

/* All CPUs add; user space reads. */
volatile struct unsent unsent = {};

static __always_inline bool is_entry(__u64 argument)
{
	const struct net_device *device = (const struct net_device *)argument;
	__u32 index = BPF_CORE_READ(device, ifindex);

	return bpf_map_lookup_elem(&entry_devices, &index) && BPF_CORE_READ(device, nd_net.net, ns.inum) == network;
}

/* A packet that could not be handed to another device: it is down, its driver cannot do it, or the packet is too long. */
SEC("raw_tp/xdp_redirect_err")
int not_redirected(struct bpf_raw_tracepoint_args *ctx)
{
	if (is_entry(ctx->args[0]))
		__sync_fetch_and_add(&unsent.redirected, 1);
	return 0;
}

/* Packets that were handed to another device: from, to, number sent, number that its driver did not take. */
SEC("raw_tp/xdp_devmap_xmit")
int redirected(struct bpf_raw_tracepoint_args *ctx)
{
	int drops = ctx->args[3];

	if (drops > 0 && is_entry(ctx->args[0]))
		__sync_fetch_and_add(&unsent.redirected, drops);
	return 0;
}

/* Packets that a veth sent back: device, number sent, number that its peer did not take. */
SEC("raw_tp/xdp_bulk_tx")
int transmitted(struct bpf_raw_tracepoint_args *ctx)
{
	int drops = ctx->args[2];

	if (drops > 0 && is_entry(ctx->args[0]))
		__sync_fetch_and_add(&unsent.transmitted, drops);
	return 0;
}

/* A packet that other drivers could not send back: device, program, verdict. */
SEC("raw_tp/xdp_exception")
int not_transmitted(struct bpf_raw_tracepoint_args *ctx)
{
	if ((__u32)ctx->args[2] == XDP_TX && is_entry(ctx->args[0]))
		__sync_fetch_and_add(&unsent.transmitted, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
