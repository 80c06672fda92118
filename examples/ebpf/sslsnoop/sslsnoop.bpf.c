// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports what programs send and receive by TLS: the plain text, where OpenSSL's functions get and give it.
#include "../kernel/registers.h"
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only this process; 0: all. */
const volatile __u32 only_pid;

#define DATA_SIZE 1024

struct event {
	__u32 pid;
	__u32 length; /* all of it; `data` has the beginning */
	char comm[TASK_COMM_LEN];
	__u8 received;
	__u8 data[DATA_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct event);
} events SEC(".maps");

struct call {
	__u64 buffer;
	__u64 count; /* where SSL_read_ex() and SSL_write_ex() write how much it was; 0: the result says it */
};

/* Calls that are under way, by thread. One that is killed in its call leaves its entry until others need the room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline int begin(struct pt_regs *ctx, bool extended)
{
	struct call call = { .buffer = SECOND_ARGUMENT(ctx), .count = extended ? FOURTH_ARGUMENT(ctx) : 0 };
	__u32 thread = bpf_get_current_pid_tgid();

	if (!only_pid || current_pid() == only_pid)
		bpf_map_update_elem(&calls, &thread, &call, BPF_ANY);
	return 0;
}

static __always_inline void report(struct call *call, __u32 length, bool received)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u32 size = length < DATA_SIZE ? length : DATA_SIZE;

	if (!event)
		return;
	event->pid = current_pid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->received = received;
	event->length = length;
	if (bpf_probe_read_user(event->data, size, (void *)call->buffer))
		event->length = 0;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline int end(struct pt_regs *ctx, bool received)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &thread);
	__s32 result = RESULT(ctx);
	__u64 length = result;

	if (!call)
		return 0;
	if (result > 0 && call->count && bpf_probe_read_user(&length, sizeof(length), (void *)call->count))
		length = 0;
	if (result > 0 && length > 0)
		report(call, length, received);
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}

SEC("uprobe/libssl.so.3:SSL_write")
int on_write(struct pt_regs *ctx)
{
	return begin(ctx, false);
}

SEC("uretprobe/libssl.so.3:SSL_write")
int on_write_end(struct pt_regs *ctx)
{
	return end(ctx, false);
}

SEC("uprobe/libssl.so.3:SSL_write_ex")
int on_write_ex(struct pt_regs *ctx)
{
	return begin(ctx, true);
}

SEC("uretprobe/libssl.so.3:SSL_write_ex")
int on_write_ex_end(struct pt_regs *ctx)
{
	return end(ctx, false);
}

SEC("uprobe/libssl.so.3:SSL_read")
int on_read(struct pt_regs *ctx)
{
	return begin(ctx, false);
}

SEC("uretprobe/libssl.so.3:SSL_read")
int on_read_end(struct pt_regs *ctx)
{
	return end(ctx, true);
}

SEC("uprobe/libssl.so.3:SSL_read_ex")
int on_read_ex(struct pt_regs *ctx)
{
	return begin(ctx, true);
}

SEC("uretprobe/libssl.so.3:SSL_read_ex")
int on_read_ex_end(struct pt_regs *ctx)
{
	return end(ctx, true);
}
