/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Requests of user space to the snapshot program, and the results. */
#pragma once

#include <linux/types.h>

/* Bytes copied at a time: one copy that meets unmapped memory fails as a whole. */
#define SNAPSHOT_CHUNK 256
/* From the socket on; tcp_sock has up to 3 KiB. */
#define SNAPSHOT_CHUNKS 16
/* Changes of state that are kept for a request. */
#define SNAPSHOT_SLOTS 4
/* Addresses that are copied at a time, each in two chunks. */
#define SNAPSHOT_TARGETS 32
/* From the task on: what is looked for in it stands far behind its schedulers' parts, which may have 4 KiB. */
#define SNAPSHOT_TASK_CHUNKS 32

/* Written by user space before an action; the program counts in it the changes it saw. */
struct snapshot_request {
	/* The name of the only thread whose changes count. */
	__u64 comm[2];
	/* Only this socket; 0: any. */
	__u64 sk;
	/* Only this change of state; 0: any. */
	__u32 from;
	__u32 to;
	/* Slots filled. */
	__u32 count;
	/* Whether to also copy the memory at the target addresses. */
	__u32 follow_pointers;
	/* Whether to also copy the task of the thread that makes the change. */
	__u32 copy_task;
	/* Whether changes of this socket count whichever thread makes them. */
	__u32 any_thread;
};

/* A socket just before its state changes. */
struct snapshot_image {
	__u64 sk;
	__u32 from;
	__u32 to;
	/* 0, or the negative errno of a chunk that could not be read. */
	__s32 status[SNAPSHOT_CHUNKS];
	__u8 bytes[SNAPSHOT_CHUNKS * SNAPSHOT_CHUNK];
};

/* Kernel addresses, found in an earlier image. */
struct snapshot_targets {
	__u64 addresses[SNAPSHOT_TARGETS];
};

/* The memory at these addresses. */
struct snapshot_copies {
	__s32 status[SNAPSHOT_TARGETS * 2];
	__u8 bytes[SNAPSHOT_TARGETS * 2 * SNAPSHOT_CHUNK];
};

/* The thread that made the last change. */
struct snapshot_task {
	/* The address of its task. */
	__u64 address;
	/* The process in the upper half, the thread in the lower one, both as the first pid namespace numbers them. */
	__u64 pid_tgid;
	__u64 comm[2];
	__s32 status[SNAPSHOT_TASK_CHUNKS];
	__u8 bytes[SNAPSHOT_TASK_CHUNKS * SNAPSHOT_CHUNK];
};
