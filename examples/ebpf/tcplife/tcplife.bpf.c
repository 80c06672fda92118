// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reports each TCP connection that has ended: whose it was, how long it lasted, and how much it moved.
#include "../kernel/socket.h"
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only the network namespace with this inode; 0: all. */
const volatile __u32 only_netns;

struct event {
	struct ends ends;
	__u32 pid;
	char comm[TASK_COMM_LEN];
	__u64 sent;
	__u64 received;
	__u64 duration_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct event);
} events SEC(".maps");

struct connection {
	__u64 began;
	__u32 pid;
	char comm[TASK_COMM_LEN];
};

/* Connections since their establishment, and those that a process has begun, by socket. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct connection);
} connections SEC(".maps");

static void report(struct sock *sk, struct connection *connection)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	read_ends(sk, &event->ends);
	event->pid = connection->pid;
	__builtin_memcpy(event->comm, connection->comm, sizeof(event->comm));
	event->sent = bytes_sent(sk);
	event->received = bytes_received(sk);
	event->duration_ns = bpf_ktime_get_ns() - connection->began;
	bpf_ringbuf_submit(event, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int from, int to)
{
	struct connection fresh = {}, *connection;
	__u64 key = (__u64)sk;

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || !is_in_netns(sk, only_netns))
		return 0;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection && (to == TCP_SYN_SENT || to == TCP_ESTABLISHED)) {
		bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
		connection = bpf_map_lookup_elem(&connections, &key);
	}
	if (!connection)
		return 0;
	if (to == TCP_ESTABLISHED)
		connection->began = bpf_ktime_get_ns();
	/* These are changes that the socket's process makes; others come with packets, whatever runs. */
	if (to == TCP_SYN_SENT || to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK) {
		connection->pid = current_pid();
		bpf_get_current_comm(connection->comm, sizeof(connection->comm));
	}
	if (to == TCP_CLOSE) {
		if (connection->began)
			report(sk, connection);
		bpf_map_delete_elem(&connections, &key);
	}
	return 0;
}
