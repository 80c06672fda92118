// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Programs on maps of sockets, and on groups that share a port.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 sent, sent_too, parsed, judged, chosen;

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} listed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} group SEC(".maps");

SEC("sk_msg")
int on_message(struct sk_msg_md *msg)
{
	__sync_fetch_and_add(&sent, 1);
	return SK_PASS;
}

SEC("sk_msg")
int on_message_too(struct sk_msg_md *msg)
{
	__sync_fetch_and_add(&sent_too, 1);
	return SK_PASS;
}

SEC("sk_skb/stream_parser")
int on_parse(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&parsed, 1);
	return skb->len;
}

SEC("sk_skb/stream_verdict")
int on_verdict(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&judged, 1);
	return SK_PASS;
}

SEC("sk_skb")
int on_either(struct __sk_buff *skb)
{
	return SK_PASS;
}

SEC("sk_reuseport")
int choose(struct sk_reuseport_md *ctx)
{
	__u32 second = 1;

	__sync_fetch_and_add(&chosen, 1);
	return bpf_sk_select_reuseport(ctx, &group, &second, 0) ? SK_DROP : SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
