// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Maps with types of records, and programs that need what no kernel has.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(value, struct event);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct event);
} records SEC(".maps");

struct task_struct {
	int weir_no_such_field;
} __attribute__((preserve_access_index));

extern int weir_no_such_function(int value) __ksym __weak;

SEC("raw_tp/sys_enter")
int send(void *ctx)
{
	struct event event = { .pid = 1 };

	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &event, sizeof(event));
	bpf_ringbuf_output(&records, &event, sizeof(event), 0);
	return 0;
}

SEC("?raw_tp/sys_enter")
int lacks_field(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, weir_no_such_field);
}

SEC("?tp_btf/sys_enter")
int lacks_function(void *ctx)
{
	return weir_no_such_function(1);
}

char LICENSE[] SEC("license") = "GPL";
