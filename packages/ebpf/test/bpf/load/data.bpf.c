// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Global data of all sections, subprograms, a loop, and a weak build option.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern unsigned int CONFIG_NO_SUCH_OPTION __kconfig __weak;

const volatile unsigned int factor = 3;
const volatile bool doubled = false;
unsigned long long total = 100;
unsigned int runs;
int kernel_version;
bool bpf_syscall;
unsigned int no_such_option = 7;

static __noinline unsigned int scaled(unsigned int value)
{
	return doubled ? value * factor * 2 : value * factor;
}

__noinline int sum_to(int limit)
{
	int sum = 0;

	for (int i = 1; i <= 8; i++) {
		if (i > limit)
			break;
		sum += i;
	}
	return sum;
}

SEC("socket")
int count(struct __sk_buff *skb)
{
	runs++;
	total += scaled(skb->len);
	kernel_version = LINUX_KERNEL_VERSION;
	bpf_syscall = CONFIG_BPF_SYSCALL;
	no_such_option = CONFIG_NO_SUCH_OPTION;
	return sum_to(4);
}

char LICENSE[] SEC("license") = "GPL";
