// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Lets the processes of a cgroup read the kernel's settings below /proc/sys, and not write them. Reports each that tries.
#include "../kernel/current.h"

char LICENSE[] SEC("license") = "GPL";

struct event {
	struct process process;
	char name[64];
	char value[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

SEC("cgroup/sysctl")
int on_setting(struct bpf_sysctl *ctx)
{
	struct event *event;

	if (!ctx->write)
		return 1;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		read_process(&event->process);
		bpf_sysctl_get_name(ctx, event->name, sizeof(event->name), 0);
		bpf_sysctl_get_new_value(ctx, event->value, sizeof(event->value));
		bpf_ringbuf_submit(event, 0);
	}
	return 0;
}
