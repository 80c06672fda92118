// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Writes a record for each TCP socket of the network namespace of whoever reads.
#include "../kernel/socket.h"

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	__u32 uid;
};

struct sock_common___state {
	unsigned char skc_state; /* enum tcp_state */
};

#pragma clang attribute pop

struct socket_record {
	struct ends ends;
	__u32 uid;
	__u32 state;
};

/* Says to programs that read the records what is in one. */
const struct socket_record layout;

SEC("iter/tcp")
int on_socket(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct socket_record record = {};

	if (!common)
		return 0;
	/* Requests and sockets in TIME_WAIT are no whole struct sock, but have these fields as well. */
	read_ends((struct sock *)common, &record.ends);
	record.uid = ctx->uid;
	record.state = BPF_CORE_READ((struct sock_common___state *)common, skc_state);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
