// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Counts what the CPUs are at: the stacks of the kernel and of the process, each time a timer fires.
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only this process; 0: all. */
const volatile __u32 only_pid;

#define MAX_FRAMES 64

/* Addresses from the innermost frame on; 0 after the last. They are greater than what a number of JavaScript can hold. */
struct stack {
	__u64 frames[MAX_FRAMES] __attribute__((btf_decl_tag("bigint")));
};

/* The kernel keeps each distinct stack once, by a number. Two whose hashes are alike want one place, and the first has it: there is room for more. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct stack);
} stacks SEC(".maps");

struct place {
	__u32 pid;
	__s32 kernel_stack; /* negative where there is none; -EEXIST where another stack has its place */
	__s32 user_stack;
	char comm[TASK_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct place);
	__type(value, __u64);
} samples SEC(".maps");

SEC("perf_event")
int on_sample(void *ctx)
{
	struct place place = {.pid = current_pid()};
	__u64 one = 1, *count;

	if (place.pid == 0 || (only_pid && place.pid != only_pid))
		return 0;
	place.kernel_stack = bpf_get_stackid(ctx, &stacks, 0);
	place.user_stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	bpf_get_current_comm(place.comm, sizeof(place.comm));
	count = bpf_map_lookup_elem(&samples, &place);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&samples, &place, &one, BPF_NOEXIST);
	return 0;
}
