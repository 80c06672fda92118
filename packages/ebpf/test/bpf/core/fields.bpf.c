// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Every question CO-RE can ask about a field, put to kernel types that are declared here only in part. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

volatile __u64 sink;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common {
	/* Inside anonymous structs and unions in the kernel. */
	__u32 skc_daddr;
	__u16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	struct {
		struct net *net;
	} skc_net;
};

struct sock {
	struct sock_common __sk_common;
	unsigned short sk_type;
	__u16 sk_protocol;
	int sk_err;
	struct socket *sk_socket;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

struct inode {
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct inet_sock {
	struct sock sk;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	__u8 icsk_ca_state : 5;
	__u8 icsk_retransmits;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 srtt_us;
	__u64 bytes_received;
	__u32 chrono_stat[3];
	__u8 nonagle : 4;
	__u8 repair : 1;
	__u8 fastopen_client_fail : 2;
	struct {
		__u32 rtt_us;
		__u32 seq;
	} rcv_rtt_est;
};

/* Another layout of the same type, and widths that are not the kernel's. */
struct tcp_sock___other {
	__u64 snd_cwnd;
	__u16 total_retrans;
	long mss_cache;
	__u64 never_was;
	__u8 bytes_acked;
};

struct sk_buff {
	unsigned char *data;
	__u8 pkt_type : 3;
	__u8 ip_summed : 2;
	__u8 cloned : 1;
	__u32 len;
	char cb[48];
};

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *group_leader;
	unsigned sched_reset_on_fork : 1;
	unsigned in_execve : 1;
	struct nsproxy *nsproxy;
	unsigned long missing_field;
};

struct nsproxy {
	struct net *net_ns;
};

/* Ends in a flexible array in the kernel. */
struct bpf_prog_array_item {
	void *prog;
};

struct bpf_prog_array {
	struct bpf_prog_array_item items[0];
};

struct cgroup_bpf {
	__u32 flags[8];
};

struct no_such_struct {
	int field;
	int other : 3;
};

#pragma clang attribute pop

SEC("raw_tp/loads")
int loads(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_sock *tp = (void *)ctx[1];

	sink = sk->__sk_common.skc_family;
	sink = sk->__sk_common.skc_state;
	sink = sk->__sk_common.skc_net.net->ns.inum;
	sink = sk->sk_socket->file->f_inode->i_ino;
	sink = tp->inet_conn.icsk_inet.sk.__sk_common.skc_dport;
	sink = tp->srtt_us;
	sink = tp->bytes_received;
	sink = tp->chrono_stat[2];
	sink = tp->rcv_rtt_est.seq;
	sink = sk->sk_err;
	return 0;
}

SEC("raw_tp/stores")
int stores(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_sock *tp = (void *)ctx[1];

	sk->sk_err = 5;
	tp->srtt_us = ctx[2];
	tp->bytes_received = ctx[3];
	tp->chrono_stat[1] = 7;
	return 0;
}

SEC("raw_tp/widths")
int widths(__u64 *ctx)
{
	struct tcp_sock___other *tp = (void *)ctx[1];

	sink = tp->snd_cwnd;
	sink = tp->total_retrans;
	sink = tp->bytes_acked;
	sink = tp->mss_cache;
	tp->snd_cwnd = ctx[2];
	if (bpf_core_field_exists(tp->never_was))
		sink = tp->never_was;
	return 0;
}

SEC("raw_tp/reads")
int reads(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	char comm[16];

	sink = BPF_CORE_READ(task, group_leader, nsproxy, net_ns, ns.inum);
	bpf_core_read_str(comm, sizeof(comm), &task->comm);
	sink = comm[0];
	bpf_core_read(comm, 4, &task->comm[7]);
	sink = comm[1];
	sink = BPF_CORE_READ(task, missing_field);
	return 0;
}

SEC("raw_tp/bit_fields")
int bit_fields(__u64 *ctx)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct tcp_sock *tp = (void *)ctx[1];
	struct sock_common *common = (void *)ctx[2];
	struct inet_connection_sock *icsk = (void *)ctx[3];
	struct task_struct *task = (void *)ctx[4];

	sink = BPF_CORE_READ_BITFIELD_PROBED(skb, pkt_type);
	sink = BPF_CORE_READ_BITFIELD_PROBED(skb, ip_summed);
	sink = BPF_CORE_READ_BITFIELD_PROBED(skb, cloned);
	sink = BPF_CORE_READ_BITFIELD_PROBED(tp, nonagle);
	sink = BPF_CORE_READ_BITFIELD_PROBED(tp, repair);
	sink = BPF_CORE_READ_BITFIELD_PROBED(tp, fastopen_client_fail);
	sink = BPF_CORE_READ_BITFIELD_PROBED(common, skc_reuse);
	sink = BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only);
	sink = BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state);
	sink = BPF_CORE_READ_BITFIELD(task, sched_reset_on_fork);
	sink = BPF_CORE_READ_BITFIELD(task, in_execve);
	/* An ordinary member of the kernel's. */
	sink = BPF_CORE_READ_BITFIELD_PROBED(tp, srtt_us);
	return 0;
}

SEC("raw_tp/properties")
int properties(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_sock *tp = (void *)ctx[1];
	struct tcp_sock___other *other = (void *)ctx[1];
	struct task_struct *task = (void *)ctx[2];

	sink = bpf_core_field_size(sk->__sk_common);
	sink = bpf_core_field_size(tp->chrono_stat);
	sink = bpf_core_field_size(tp->chrono_stat[1]);
	sink = bpf_core_field_size(task->comm);
	sink = bpf_core_field_size(task->group_leader);
	sink = bpf_core_field_offset(tp->rcv_rtt_est.rtt_us);
	sink = bpf_core_field_offset(other->snd_cwnd);
	sink = bpf_core_field_offset(tp->inet_conn.icsk_inet.sk.sk_err);
	sink = bpf_core_field_exists(sk->sk_err);
	sink = bpf_core_field_exists(other->never_was);
	sink = bpf_core_field_exists(task->missing_field);
	sink = bpf_core_field_exists(task->comm[15]);
	sink = bpf_core_field_exists(tp->chrono_stat[2]);
	sink = bpf_core_field_exists(struct no_such_struct, field);
	sink = __builtin_preserve_field_info(sk->sk_err, BPF_FIELD_SIGNED);
	sink = __builtin_preserve_field_info(sk->sk_type, BPF_FIELD_SIGNED);
	sink = __builtin_preserve_field_info(task->pid, BPF_FIELD_SIGNED);
	sink = __builtin_preserve_field_info(tp->nonagle, BPF_FIELD_SIGNED);
	sink = __builtin_preserve_field_info(tp->nonagle, BPF_FIELD_LSHIFT_U64);
	sink = __builtin_preserve_field_info(tp->srtt_us, BPF_FIELD_LSHIFT_U64);
	sink = __builtin_preserve_field_info(tp->srtt_us, BPF_FIELD_RSHIFT_U64);
	return 0;
}

SEC("raw_tp/arrays")
int arrays(__u64 *ctx)
{
	struct bpf_prog_array *array = (void *)ctx[0];
	struct cgroup_bpf *cgroup = (void *)ctx[1];
	struct tcp_sock *tp = (void *)ctx[2];

	sink = (__u64)array->items[3].prog;
	sink = bpf_core_field_exists(array->items[1000].prog);
	sink = bpf_core_field_offset(array->items[5].prog);
	sink = bpf_core_field_exists(cgroup->flags[7]);
	/* The second element of an array of roots. */
	sink = tp[1].srtt_us;
	return 0;
}

SEC("raw_tp/missing")
int missing(__u64 *ctx)
{
	struct no_such_struct *none = (void *)ctx[0];

	if (bpf_core_type_exists(struct no_such_struct)) {
		sink = none->field;
		none->field = 3;
		sink = bpf_core_field_size(none->field);
		sink = bpf_core_field_offset(none->field);
		sink = BPF_CORE_READ_BITFIELD_PROBED(none, other);
	}
	return 0;
}
