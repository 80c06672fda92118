/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The kernel's own types, reduced to the fields that the tracer reads. CO-RE finds each field in the running kernel
 * by name, so order and size here do not matter; a field that a kernel lacks is guarded by bpf_core_field_exists.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum; /* the number that /proc/PID/ns/net shows */
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport; /* network order */
	__u16 skc_num;	  /* host order; 0 until a port is chosen */
	unsigned short skc_family;
	volatile unsigned char skc_state;
	int skc_bound_dev_if; /* the index of the device to which the socket is bound, or 0 */
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags; /* bits of enum sock_flags */
};

struct socket {
	struct sock *sk;
};

/* The buffer of a packet. */
struct sk_buff___queued {
	unsigned char *data;
	char cb[48]; /* in an error queue: a struct sock_exterr_skb */
};

struct sk_buff_head {
	struct sk_buff___queued *prev; /* the newest */
	__u32 qlen;
};

struct sock_extended_err {
	__u32 ee_errno;
};

/* An error in a socket's queue of errors; its packet begins with the header of TCP that ICMP quotes. */
struct sock_exterr_skb {
	struct sock_extended_err ee;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket; /* NULL until accept() grafts a process's socket onto it, and after close() */
	struct sk_buff_head sk_error_queue;
	int sk_err;
	int sk_err_soft; /* the last error of ICMP that did not end anything yet; 0 once a process has read it */
	/* A bit-field of eight bits until 5.6, then 16 bits. */
	__u16 sk_protocol;
	__u8 sk_shutdown;
};

struct list_head {
	struct list_head *next;
};

struct inet_sock {
	__be16 inet_sport;
};

struct tcp_sock {
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent;    /* 4.19 */
	__u64 bytes_retrans; /* 4.19 */
	__u32 segs_in;
	__u32 segs_out;
	__u32 total_retrans;
	__u32 srtt_us; /* eighths of a microsecond */
	__u32 snd_una;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	__u32 write_seq;
	__u8 is_mptcp : 1;	   /* 5.6: a subflow of an MPTCP connection, or its listener */
	__u8 fastopen_connect : 1; /* 4.11: the option TCP_FASTOPEN_CONNECT is set */
};

struct inet_connection_sock {
	void *icsk_ulp_data; /* of a subflow: its struct mptcp_subflow_context */
};

/* The socket of an MPTCP connection (5.6), as the program has it; the TCP sockets of its subflows belong to it. */
struct mptcp_sock {
	struct sock *first; /* the subflow on which it began */
	__u64 bytes_received; /* 6.5: payload, each byte once */
	__u64 bytes_acked;    /* 6.5: the same, and the end of the data */
	__u8 snd_data_fin_enable; /* the end of the data is not acknowledged yet */
	struct list_head conn_list;
};

struct mptcp_subflow_context {
	struct list_head node; /* in conn_list */
	struct sock *tcp_sock;
	struct sock *conn; /* the connection's socket */
	__u32 request_mptcp : 1; /* this side opened it */
	__u32 request_join : 1;	 /* the same, to join a connection */
	__u32 mp_join : 1;	 /* joined a connection that was there already */
};

enum sock_flags {
	SOCK_DEAD,
	SOCK_DONE,
};

struct sockaddr {
	unsigned short sa_family;
};

struct in_addr {
	__be32 s_addr;
};

struct sockaddr_in {
	unsigned short sin_family;
	__be16 sin_port;
	struct in_addr sin_addr;
};

struct sockaddr_in6 {
	unsigned short sin6_family;
	__be16 sin6_port;
	struct in6_addr sin6_addr;
};

/* The second argument of inet_csk_accept since 6.10; before, it had four arguments. */
struct proto_accept_arg {
	int flags;
};

/* Registers at a kprobe, by architecture: the flavour that the running kernel has is the one that resolves. */
struct pt_regs___x86 {
	unsigned long di;
	unsigned long ax;
};

struct pt_regs___arm64 {
	__u64 regs[31];
};

/* Types for the walk over the open files of all processes. */
typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *group_leader; /* the task of the process; of a process's first thread, itself */
	const struct cred *cred;
	struct css_set *cgroups;
	void *mm;
};

struct super_block {
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num; /* elements so far */
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
};

struct bpf_iter__task_file {
	struct task_struct *task;
	struct file *file;
};

#pragma clang attribute pop

#define SHUTDOWN_MASK 3
#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD 0x00200000
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define SOCKFS_MAGIC 0x534F434B

/* include/net/tcp_states.h */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};

/* include/uapi/asm-generic/errno*.h; x86 and arm64 share these. */
enum error {
	EINVAL = 22,
	EPIPE = 32,
	EACCES = 13,
	ENOMSG = 42,
	EADDRNOTAVAIL = 99,
	ENETDOWN = 100,
	ENETUNREACH = 101,
	ECONNABORTED = 103,
	ECONNRESET = 104,
	ETIMEDOUT = 110,
	ECONNREFUSED = 111,
	EHOSTUNREACH = 113,
	ECANCELED = 125,
};
