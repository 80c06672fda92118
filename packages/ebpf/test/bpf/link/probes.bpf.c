// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Probes on functions of the kernel and of programs, counting the chosen process's calls.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target;
__u64 entered, returned, called;

static __always_inline int ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target;
}

SEC("kprobe/__do_sys_getpgid")
int on_entry(void *ctx)
{
	if (ours())
		__sync_fetch_and_add(&entered, 1);
	return 0;
}

SEC("kretprobe/__do_sys_getpgid")
int on_return(void *ctx)
{
	if (ours())
		__sync_fetch_and_add(&returned, 1);
	return 0;
}

SEC("uprobe")
int on_call(void *ctx)
{
	if (ours())
		__sync_fetch_and_add(&called, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
