// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Copies a whole socket, and the task of the thread that uses it, out of the kernel at a change of the socket's state, for
 * the one process that looks for the kernel's layout. It must load where nothing is known of the kernel: since Linux 4.17, within 4,096 instructions, without
 * loops, global data, or types of the kernel.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "snapshot.h"

char LICENSE[] SEC("license") = "GPL";

/* One element, written by user space before each action. The program only counts in it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct snapshot_request);
} request SEC(".maps");

/* Written by the program, in the order of the changes, from 0 on for each request. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SNAPSHOT_SLOTS);
	__type(key, __u32);
	__type(value, struct snapshot_image);
} images SEC(".maps");

/* Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct snapshot_targets);
} targets SEC(".maps");

/* Written by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct snapshot_copies);
} copies SEC(".maps");

/* Written by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct snapshot_task);
} task SEC(".maps");

static __always_inline bool wanted(const struct snapshot_request *wish, __u64 sk, __u32 from, __u32 to)
{
	__u64 comm[2] = {};

	bpf_get_current_comm(comm, sizeof(comm));
	if (!(wish->any_thread && wish->sk) && (comm[0] != wish->comm[0] || comm[1] != wish->comm[1]))
		return false;
	if (wish->sk && wish->sk != sk)
		return false;
	if (wish->from && wish->from != from)
		return false;
	return !wish->to || wish->to == to;
}

static __always_inline void copy_socket(struct snapshot_image *image, __u64 sk)
{
#pragma unroll
	for (int i = 0; i < SNAPSHOT_CHUNKS; i++) {
		const void *from = (const void *)(sk + i * SNAPSHOT_CHUNK);

		image->status[i] = bpf_probe_read_kernel(image->bytes + i * SNAPSHOT_CHUNK, SNAPSHOT_CHUNK, from);
	}
}

static __always_inline void copy_targets(void)
{
	__u32 zero = 0;
	struct snapshot_targets *target = bpf_map_lookup_elem(&targets, &zero);
	struct snapshot_copies *copy = bpf_map_lookup_elem(&copies, &zero);

	if (!target || !copy)
		return;
#pragma unroll
	for (int i = 0; i < SNAPSHOT_TARGETS * 2; i++) {
		const void *from = (const void *)(target->addresses[i / 2] + i % 2 * SNAPSHOT_CHUNK);

		copy->status[i] = bpf_probe_read_kernel(copy->bytes + i * SNAPSHOT_CHUNK, SNAPSHOT_CHUNK, from);
	}
}

static __always_inline void copy_current_task(void)
{
	__u32 zero = 0;
	struct snapshot_task *copy = bpf_map_lookup_elem(&task, &zero);
	__u64 current;

	if (!copy)
		return;
	current = bpf_get_current_task();
	copy->address = current;
	copy->pid_tgid = bpf_get_current_pid_tgid();
	bpf_get_current_comm(copy->comm, sizeof(copy->comm));
#pragma unroll
	for (int i = 0; i < SNAPSHOT_TASK_CHUNKS; i++) {
		const void *from = (const void *)(current + i * SNAPSHOT_CHUNK);

		copy->status[i] = bpf_probe_read_kernel(copy->bytes + i * SNAPSHOT_CHUNK, SNAPSHOT_CHUNK, from);
	}
}

SEC("raw_tp/inet_sock_set_state")
int snapshot(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sk = ctx->args[0];
	__u32 from = ctx->args[1], to = ctx->args[2];
	__u32 zero = 0, slot;
	struct snapshot_request *wish = bpf_map_lookup_elem(&request, &zero);
	struct snapshot_image *image;

	if (!wish || !wanted(wish, sk, from, to))
		return 0;
	slot = wish->count;
	image = bpf_map_lookup_elem(&images, &slot);
	if (!image)
		return 0;
	image->sk = sk;
	image->from = from;
	image->to = to;
	copy_socket(image, sk);
	if (wish->follow_pointers)
		copy_targets();
	if (wish->copy_task)
		copy_current_task();
	/* User space on another CPU waits for the count, and reads the rest then. */
	barrier();
	wish->count = slot + 1;
	return 0;
}
