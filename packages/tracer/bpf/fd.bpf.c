// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * File descriptors that watched processes get: by open(), socket(), accept(), pipe(), dup(), or sent by another process.
 * (dup2() installs none in this sense, nor does exec.)
 *
 * User space loads one of these programs for the first watched process, with the maps `events`, `statistics` and `scratch`
 * of tcp.bpf.o in place of its own, and detaches it after the last.
 */
#include "current.h"
#include "emit.h"
#include "registers.h"

char LICENSE[] SEC("license") = "GPL";

/* Key: process id (tgid). Inserted and deleted by user space; the value is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} watched_pids SEC(".maps");

/* Discovered types do not contain these. */
struct nsproxy {
	struct net *net_ns;
} __attribute__((preserve_access_index));

struct task_struct___namespaces {
	struct nsproxy *nsproxy; /* NULL in a process that is about to end */
} __attribute__((preserve_access_index));

/* 0: unknown. */
static __always_inline __u32 current_netns(void)
{
	struct task_struct___namespaces *task = (void *)bpf_get_current_task();

	if (!bpf_core_field_exists(task->nsproxy) || !bpf_core_field_exists(struct nsproxy, net_ns))
		return 0;
	return BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
}

static __always_inline int fd_installed(void *ctx, int fd)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct process process = {};
	struct tcp_event *event;

	if (!bpf_map_lookup_elem(&watched_pids, &pid))
		return 0;
	read_current(&process);
	event = reserve_event(EVENT_FD_INSTALL);
	if (!event)
		return 0;
	begin_event(event, EVENT_FD_INSTALL, &process);
	event->tuple.netns = current_netns();
	event->fd = fd;
	end_event(ctx, event);
	return 0;
}

SEC("fentry/fd_install")
int fd_fentry(__u64 *ctx)
{
	return fd_installed(ctx, ctx[0]);
}

SEC("kprobe/fd_install")
int fd_kprobe(void *ctx)
{
	return fd_installed(ctx, first_argument(ctx));
}
