/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Processes, reduced to the fields that the tools read. CO-RE finds each field in the running kernel by its name, so order and size here do
 * not matter.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define TASK_COMM_LEN 16

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct mm_struct {
	unsigned long arg_start; /* where the command line is in the process's memory */
	unsigned long arg_end;
};

/* What the threads of a process share. */
struct signal_struct {
	atomic_t live; /* threads that have not ended */
	int group_exit_code;
};

struct task_struct {
	int pid;  /* of the thread */
	int tgid; /* of the process */
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct signal_struct *signal;
	__u64 start_time; /* by the clock of bpf_ktime_get_ns() */
	int exit_code;
	char comm[TASK_COMM_LEN];
};

#pragma clang attribute pop

static __always_inline __u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}
