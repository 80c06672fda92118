// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Refuses a device to the processes of a cgroup, and reports each that asks for it.
#include "../kernel/current.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 major;
const volatile __u32 minor;
const volatile bool is_block;

struct event {
	struct process process;
	__u32 access; /* BPF_DEVCG_ACC_* */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

SEC("cgroup/dev")
int on_device(struct bpf_cgroup_dev_ctx *ctx)
{
	__u32 kind = ctx->access_type & 0xffff;
	struct event *event;

	if (ctx->major != major || ctx->minor != minor || (kind == BPF_DEVCG_DEV_BLOCK) != is_block)
		return 1;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		read_process(&event->process);
		event->access = ctx->access_type >> 16;
		bpf_ringbuf_submit(event, 0);
	}
	return 0;
}
