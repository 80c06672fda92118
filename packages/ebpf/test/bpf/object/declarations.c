// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// What libbpf 1.1 cannot load or pin, or what a kernel keeps: read by tests, not loaded.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__uint(numa_node, 1);
	__uint(key_size, 4);
	__uint(value_size, 40);
} pinned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__uint(map_extra, 3);
	__type(value, __u32);
} filter SEC(".maps");

__u64 zeros[4] SEC(".bss.more");

static SEC("xdp") __attribute__((noinline)) int beside(int x)
{
	return x * x + zeros[x & 3];
}

SEC("xdp") int caller(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;

	return bpf_map_lookup_elem(&pinned, &key) ? beside(key) & 3 : XDP_PASS;
}

SEC("?kretprobe/tcp_v4_connect") int optional(void *ctx)
{
	__u32 zero = 0;

	return bpf_map_peek_elem(&filter, &zero);
}

SEC("lsm.s/bprm_committed_creds") int sleeps(void *ctx)
{
	return 0;
}

SEC("nobody/knows") int unknown(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
__u32 kernel_version SEC("version") = 0x41200;
