// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Measures how long connect() takes over TCP: from the first packet to the answer, or to the failure.
#include "../kernel/socket.h"
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only the network namespace with this inode; 0: all. */
const volatile __u32 only_netns;

struct event {
	struct ends ends;
	__u32 pid;
	char comm[TASK_COMM_LEN];
	bool connected;
	__u64 latency_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

struct attempt {
	__u64 began;
	__u32 pid;
	char comm[TASK_COMM_LEN];
};

/* Attempts that wait for an answer, by socket. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct attempt);
} attempts SEC(".maps");

static void begin(struct sock *sk, __u64 key)
{
	struct attempt attempt = {.began = bpf_ktime_get_ns(), .pid = current_pid()};

	if (!is_in_netns(sk, only_netns))
		return;
	bpf_get_current_comm(attempt.comm, sizeof(attempt.comm));
	bpf_map_update_elem(&attempts, &key, &attempt, BPF_ANY);
}

static void end(struct sock *sk, __u64 key, bool connected)
{
	struct attempt *attempt = bpf_map_lookup_elem(&attempts, &key);
	struct event *event;

	if (!attempt)
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (event) {
		read_ends(sk, &event->ends);
		event->pid = attempt->pid;
		__builtin_memcpy(event->comm, attempt->comm, sizeof(event->comm));
		event->connected = connected;
		event->latency_ns = bpf_ktime_get_ns() - attempt->began;
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&attempts, &key);
}

SEC("raw_tp/inet_sock_set_state")
int on_state(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	int from = ctx->args[1], to = ctx->args[2];

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	if (to == TCP_SYN_SENT)
		begin(sk, (__u64)sk);
	else if (from == TCP_SYN_SENT)
		end(sk, (__u64)sk, to == TCP_ESTABLISHED);
	return 0;
}
