// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Walks over the open files of all processes, and writes who holds which internet socket, and who holds a namespace by a
 * descriptor. Each read of the iterator is a walk; /proc shows the same, but many times slower.
 */
#include "event.h"
#include "kernel.h"

#define NSFS_MAGIC 0x6e736673

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter__task_file___meta {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	unsigned int fd;
	struct file *file;
};

struct inode___more {
	unsigned long i_ino;
	void *i_private;
	struct super_block *i_sb;
};

#pragma clang attribute pop

struct holder {
	__u64 inode; /* of a socket; 0: it is a namespace */
	__u32 pid;
	__u32 fd;
	__u32 ns; /* the socket's network namespace; or the namespace, which may be of another type */
	__u32 reserved;
} SHARED;

char LICENSE[] SEC("license") = "GPL";

static __noinline bool read_socket(struct file *file, struct holder *holder)
{
	struct inode___more *inode = (void *)BPF_CORE_READ(file, f_inode);
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	__u16 family;

	if (!sk)
		return false;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return false;
	holder->inode = BPF_CORE_READ(inode, i_ino);
	holder->ns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	return true;
}

static __noinline bool read_namespace(struct file *file, struct holder *holder)
{
	struct inode___more *inode = (void *)BPF_CORE_READ(file, f_inode);
	struct ns_common *ns = BPF_CORE_READ(inode, i_private);

	holder->ns = BPF_CORE_READ(ns, inum);
	return true;
}

SEC("iter/task_file")
int holders(struct bpf_iter__task_file___meta *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct holder holder = {};
	unsigned long magic;

	if (!task || !file)
		return 0;
	magic = BPF_CORE_READ(file, f_inode, i_sb, s_magic);
	if (magic != SOCKFS_MAGIC && magic != NSFS_MAGIC)
		return 0;
	if (magic == SOCKFS_MAGIC ? !read_socket(file, &holder) : !read_namespace(file, &holder))
		return 0;
	holder.pid = BPF_CORE_READ(task, tgid);
	holder.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &holder, sizeof(holder));
	return 0;
}
