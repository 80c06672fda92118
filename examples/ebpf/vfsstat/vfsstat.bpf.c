// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Counts calls of the functions through which all file systems are used.
#include "../kernel/task.h"

char LICENSE[] SEC("license") = "GPL";

/* Only this process; 0: all. */
const volatile __u32 only_pid;

struct calls {
	__u64 reads;
	__u64 writes;
	__u64 syncs;
	__u64 opens;
	__u64 removals;
} calls;

static __always_inline int count(__u64 *counter)
{
	if (!only_pid || current_pid() == only_pid)
		__sync_fetch_and_add(counter, 1);
	return 0;
}

SEC("fentry/vfs_read")
int on_read(void *ctx)
{
	return count(&calls.reads);
}

SEC("fentry/vfs_write")
int on_write(void *ctx)
{
	return count(&calls.writes);
}

SEC("fentry/vfs_fsync_range")
int on_sync(void *ctx)
{
	return count(&calls.syncs);
}

SEC("fentry/vfs_open")
int on_open(void *ctx)
{
	return count(&calls.opens);
}

SEC("fentry/vfs_unlink")
int on_removal(void *ctx)
{
	return count(&calls.removals);
}
