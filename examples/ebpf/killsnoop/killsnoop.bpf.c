// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports each signal that a process sends by kill(), tkill() or tgkill(), to whom, and whether it was allowed to.
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only what this process sends; 0: all. */
const volatile __u32 only_pid;

/* The formats of /sys/kernel/tracing/events/syscalls. */
struct call {
	__u64 common;
	__s64 number;
	__u64 arguments[6];
};

struct call_end {
	__u64 common;
	__s64 number;
	__s64 result;
};

struct event {
	__u32 pid;
	__s32 target; /* as kill() takes it: a process, or a negative group; of the others a thread */
	__s32 signal;
	__s32 result; /* 0 or the negative errno */
	char comm[TASK_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

struct signal {
	__s32 target;
	__s32 signal;
};

/* Calls that are under way, by thread. One that kills itself leaves its entry until others need the room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct signal);
} signals SEC(".maps");

static __always_inline int begin(__u64 target, __u64 number)
{
	struct signal signal = { .target = target, .signal = number };
	__u32 thread = bpf_get_current_pid_tgid();

	if (!only_pid || current_pid() == only_pid)
		bpf_map_update_elem(&signals, &thread, &signal, BPF_ANY);
	return 0;
}

static __always_inline int end(struct call_end *call)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct signal *signal = bpf_map_lookup_elem(&signals, &thread);
	struct event *event;

	if (!signal)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		event->pid = current_pid();
		event->target = signal->target;
		event->signal = signal->signal;
		event->result = call->result;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&signals, &thread);
	return 0;
}

SEC("tp/syscalls/sys_enter_kill")
int on_kill(struct call *call)
{
	return begin(call->arguments[0], call->arguments[1]);
}

SEC("tp/syscalls/sys_exit_kill")
int on_kill_end(struct call_end *call)
{
	return end(call);
}

SEC("tp/syscalls/sys_enter_tkill")
int on_tkill(struct call *call)
{
	return begin(call->arguments[0], call->arguments[1]);
}

SEC("tp/syscalls/sys_exit_tkill")
int on_tkill_end(struct call_end *call)
{
	return end(call);
}

/* The process, one of its threads, the signal. */
SEC("tp/syscalls/sys_enter_tgkill")
int on_tgkill(struct call *call)
{
	return begin(call->arguments[1], call->arguments[2]);
}

SEC("tp/syscalls/sys_exit_tgkill")
int on_tgkill_end(struct call_end *call)
{
	return end(call);
}
