// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Keeps the files of a folder: nobody, not even root, removes them or moves them away. Reports each attempt.
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* The folder: its file system's device as the kernel writes it, major << 20 | minor, and its inode. */
const volatile __u32 device;
const volatile __u64 folder;

#define EPERM 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
	__u32 s_dev;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	struct inode *d_inode; /* NULL where no file of the name exists */
};

#pragma clang attribute pop

struct event {
	__u32 pid;
	char comm[TASK_COMM_LEN];
	char name[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

static __always_inline bool is_kept(struct inode *parent)
{
	return parent->i_ino == folder && parent->i_sb->s_dev == device;
}

static __always_inline int refuse(struct dentry *entry)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (event) {
		event->pid = current_pid();
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		bpf_probe_read_kernel_str(event->name, sizeof(event->name), entry->d_name.name);
		bpf_ringbuf_submit(event, 0);
	}
	return -EPERM;
}

SEC("lsm/inode_unlink")
int BPF_PROG(on_unlink, struct inode *parent, struct dentry *entry)
{
	return is_kept(parent) ? refuse(entry) : 0;
}

SEC("lsm/inode_rmdir")
int BPF_PROG(on_rmdir, struct inode *parent, struct dentry *entry)
{
	return is_kept(parent) ? refuse(entry) : 0;
}

SEC("lsm/inode_rename")
int BPF_PROG(on_rename, struct inode *parent, struct dentry *entry, struct inode *new_parent, struct dentry *new_entry)
{
	if (is_kept(parent))
		return refuse(entry);
	/* A file that is moved to the name of another one removes that. */
	return is_kept(new_parent) && new_entry->d_inode ? refuse(new_entry) : 0;
}
