// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * For reals and their clients, on a cgroup's TCP sockets: the server names itself in an option, and the client returns that
 * in all it sends, by which balancers find the real without having seen the connection (server-id.h).
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define OPTION_SERVER_ID 0xb7
/* Segments that the id is sent in, where the client never returned it. */
#define MOST_OFFERS 16

/* The id that this host's listening sockets send; 0: none. */
const volatile __u32 own_id = 0;
/* Whether connections that this host opens return the id that they were sent. */
const volatile bool returns_ids = false;

struct server_id_counters {
	/* As a server. */
	__u64 accepted;	   /* connections */
	__u64 offered;	   /* segments with the own id */
	__u64 confirmed;   /* connections whose client returned it */
	__u64 wrong;	   /* segments with another id: they were for another real */
	__u64 unsupported; /* connections whose client did not return it */
	/* As a client. */
	__u64 learned;	/* connections to a server that sent an id */
	__u64 changed;	/* connections whose server sent another one later */
	__u64 returned; /* segments with the server's id */
	/* Segments for which the kernel refused the option: there was no space, or another program had written it. */
	__u64 failed;
};

/* Programs add to their own CPU's value; user space sums. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct server_id_counters);
} server_id_counters SEC(".maps");

/* The id of a client's socket's server, 0 before that is known. Servers' sockets have none. The program inserts; the kernel deletes with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} learned_ids SEC(".maps");

/* Read as little-endian by server-id.h. */
struct id_option {
	__u8 kind;
	__u8 length;
	__u8 id[4];
};

static __always_inline __u32 read_id(struct bpf_sock_ops *ctx)
{
	struct id_option option = {.kind = OPTION_SERVER_ID};

	if (bpf_load_hdr_opt(ctx, &option, sizeof(option), 0) != sizeof(option))
		return 0;
	return option.id[0] | (__u32)option.id[1] << 8 | (__u32)option.id[2] << 16 | (__u32)option.id[3] << 24;
}

static __always_inline bool write_id(struct bpf_sock_ops *ctx, __u32 id)
{
	struct id_option option = {
		.kind = OPTION_SERVER_ID,
		.length = sizeof(option),
		.id = {id, id >> 8, id >> 16, id >> 24},
	};

	return bpf_store_hdr_opt(ctx, &option, sizeof(option), 0) == 0;
}

static __always_inline void want(struct bpf_sock_ops *ctx, bool write, bool parse)
{
	__u32 flags = ctx->bpf_sock_ops_cb_flags;

	flags &= ~(BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG | BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG);
	if (write)
		flags |= BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG;
	if (parse)
		flags |= BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG;
	bpf_sock_ops_cb_flags_set(ctx, flags);
}

static __always_inline __u32 *learned_id(struct bpf_sock_ops *ctx, __u64 flags)
{
	struct bpf_sock *sk = ctx->sk;

	return sk ? bpf_sk_storage_get(&learned_ids, sk, NULL, flags) : NULL;
}

/* What the client sent with its part of the handshake, or later. */
static __always_inline void hear_client(struct bpf_sock_ops *ctx, struct server_id_counters *own, __u32 id)
{
	if (id == own_id) {
		own->confirmed++;
		want(ctx, false, false);
	} else if (id) {
		/* Sent to a real that this one has replaced, or misled: it learns the right one. */
		own->wrong++;
		want(ctx, true, true);
	}
}

static __always_inline void accept_connection(struct bpf_sock_ops *ctx, struct server_id_counters *own)
{
	bool was_offered = ctx->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG;
	__u32 id = read_id(ctx);

	own->accepted++;
	if (id) {
		hear_client(ctx, own, id);
	} else if (was_offered) {
		own->unsupported++;
		want(ctx, false, false);
	} else {
		/* The socket listened before the program was attached, so its SYN-ACKs have no id. */
		want(ctx, true, true);
	}
}

/* What the server sent: with its SYN-ACK, or later. */
static __always_inline void hear_server(struct bpf_sock_ops *ctx, struct server_id_counters *own)
{
	__u32 id = read_id(ctx);
	__u32 *known;

	known = learned_id(ctx, BPF_SK_STORAGE_GET_F_CREATE);
	if (!known)
		return;
	if (!id) {
		/* A server whose socket listened before its program was attached sends it later. */
		want(ctx, *known, true);
		return;
	}
	if (!*known)
		own->learned++;
	else if (*known != id)
		own->changed++;
	*known = id;
	want(ctx, true, true);
}

/* The id that a socket's segments carry; 0: none. `is_learned`: the server's, which a client returns. */
static __always_inline __u32 id_to_write(struct bpf_sock_ops *ctx, bool *is_learned)
{
	__u32 *known = returns_ids ? learned_id(ctx, 0) : NULL;

	*is_learned = known != NULL;
	return known ? *known : own_id;
}

static __always_inline void reserve(struct bpf_sock_ops *ctx, struct server_id_counters *own)
{
	bool is_learned;

	if (!id_to_write(ctx, &is_learned))
		return;
	if (!is_learned && ctx->segs_out > MOST_OFFERS) {
		own->unsupported++;
		want(ctx, false, false);
		return;
	}
	if (bpf_reserve_hdr_opt(ctx, sizeof(struct id_option), 0))
		own->failed++;
}

static __always_inline void write(struct bpf_sock_ops *ctx, struct server_id_counters *own)
{
	bool is_learned;
	__u32 id = id_to_write(ctx, &is_learned);

	if (!id)
		return;
	if (!write_id(ctx, id))
		own->failed++;
	else if (is_learned)
		own->returned++;
	else
		own->offered++;
}

SEC("sockops")
int carry_server_id(struct bpf_sock_ops *ctx)
{
	struct server_id_counters *own;
	__u32 zero = 0;

	own = bpf_map_lookup_elem(&server_id_counters, &zero);
	if (!own)
		return 1;
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		if (own_id)
			want(ctx, true, false);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		if (own_id)
			accept_connection(ctx, own);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		if (returns_ids)
			hear_server(ctx, own);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		if (returns_ids && learned_id(ctx, 0))
			hear_server(ctx, own);
		else if (own_id)
			hear_client(ctx, own, read_id(ctx));
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		reserve(ctx, own);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		write(ctx, own);
		break;
	}
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
