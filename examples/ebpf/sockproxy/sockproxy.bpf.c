// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Moves what one socket receives to another one that sends it, without a copy to a process. The proxy pairs them: sockets 2n and 2n + 1.
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define SOCKETS 8192

/*
 * The program runs for the sockets in `sources`, and sends on those in `targets`. Each socket of a pair is in both, and both were in `targets` first:
 * what comes from one always has where to go. Inserted by the proxy; a socket leaves when it is closed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, SOCKETS);
	__type(key, __u32);
	__type(value, __u32);
} sources SEC(".maps"), targets SEC(".maps");

/* The place of a socket in these maps, by its cookie. Inserted and deleted by the proxy. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SOCKETS);
	__type(key, __u64);
	__type(value, __u32);
} places SEC(".maps");

/* Bytes that were moved from the socket in each place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SOCKETS);
	__type(key, __u32);
	__type(value, __u64);
} moved SEC(".maps");

SEC("sk_skb/stream_verdict")
int to_the_other(struct __sk_buff *skb)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	__u32 *place = bpf_map_lookup_elem(&places, &cookie);
	__u64 *bytes;

	if (!place)
		return SK_PASS;
	/* The stream's end may come as a packet without bytes. The kernel takes an empty packet for an error of the socket that shall send it. */
	if (!skb->len)
		return SK_DROP;
	bytes = bpf_map_lookup_elem(&moved, place);
	if (bytes)
		__sync_fetch_and_add(bytes, skb->len);
	return bpf_sk_redirect_map(skb, &targets, *place ^ 1, 0);
}
