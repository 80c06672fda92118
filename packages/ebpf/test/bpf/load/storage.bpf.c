// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Storage at kernel objects, which user space reads by their descriptors. Each program makes one kind of map be used.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/** Newer than the headers of some distributions. */
#define MAP_TYPE_CGRP_STORAGE 32

char LICENSE[] SEC("license") = "GPL";

struct notes {
	__u64 packets;
	__u32 mark;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct notes);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct notes);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct notes);
} inodes SEC(".maps");

struct {
	__uint(type, MAP_TYPE_CGRP_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct notes);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, struct notes);
} attachments SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} attachments_percpu SEC(".maps");

#define use(map) asm volatile("" : : "r"(&(map)))

/** Counts what each socket receives. */
SEC("cgroup_skb/ingress")
int count_packets(struct __sk_buff *skb)
{
	struct bpf_sock *socket = skb->sk;
	struct notes *notes;

	if (!socket)
		return 1;
	notes = bpf_sk_storage_get(&sockets, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (notes)
		__sync_fetch_and_add(&notes->packets, 1);
	return 1;
}

/** Counts what a cgroup sends, in the storage of the program's attachment to it. */
SEC("cgroup_skb/egress")
int count_sent(struct __sk_buff *skb)
{
	struct notes *notes = bpf_get_local_storage(&attachments, 0);
	__u64 *sent = bpf_get_local_storage(&attachments_percpu, 0);

	__sync_fetch_and_add(&notes->packets, 1);
	notes->mark = 7;
	(*sent)++;
	return 1;
}

SEC("socket")
int use_tasks(struct __sk_buff *skb)
{
	use(tasks);
	return 0;
}

SEC("socket")
int use_inodes(struct __sk_buff *skb)
{
	use(inodes);
	return 0;
}

SEC("socket")
int use_cgroups(struct __sk_buff *skb)
{
	use(cgroups);
	return 0;
}
