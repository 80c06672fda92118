// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Maps, map-in-map and program array initialisers, globals in all sections, subprograms of all kinds, kernel options.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 a;
	__u16 b;
	__u16 c;
};

struct value {
	__u64 count;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key);
	__type(value, struct value);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
};

struct inner first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { &first, 0, 0, &second },
};

int tail(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, int(void *));
} jumps SEC(".maps") = {
	.values = { [2] = (void *)&tail },
};

const volatile __u32 limit = 7;
const volatile bool enabled;
const volatile __s16 signed_setting = -3;
const volatile char label[8] = "weir";
const volatile double ratio = 0.5;
__u64 counter;
__u64 start = 0x1122334455667788;
static volatile __u32 hidden_state = 5;
__u32 apart SEC(".data.apart") = 9;
__u32 fixed[3] SEC(".rodata.fixed") = { 1, 2, 3 };
__u64 zeros[4];

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern const char CONFIG_DEFAULT_HOSTNAME[16] __kconfig __weak;

static __noinline __u64 leaf(__u64 x)
{
	return x * limit + hidden_state;
}

static __noinline __u64 middle(__u64 x)
{
	if (x & 1)
		return leaf(x + 1);
	return leaf(x) + counter;
}

__noinline int global_function(struct __sk_buff *skb)
{
	__u64 *v;
	__u32 zero = 0;

	if (!skb)
		return 0;
	v = bpf_map_lookup_elem(&first, &zero);
	return v ? *v + middle(skb->len) : apart;
}

__attribute__((visibility("hidden"))) __noinline int hidden_function(int x)
{
	return x + fixed[x & 1] + zeros[x & 3];
}

SEC("socket") int entry(struct __sk_buff *skb)
{
	struct key key = { .a = skb->len };
	struct value *value = bpf_map_lookup_elem(&table, &key);

	if (value)
		value->count += leaf(skb->mark) + CONFIG_BPF_SYSCALL;
	if (enabled && LINUX_KERNEL_VERSION > 0x41200)
		return global_function(skb) + CONFIG_DEFAULT_HOSTNAME[0];
	counter += start + signed_setting + *(const volatile __u64 *)&ratio;
	bpf_tail_call(skb, &jumps, 2);
	return label[skb->len & 7] + hidden_function(skb->len);
}

SEC("socket") int tail(struct __sk_buff *skb)
{
	return middle(skb->len) + hidden_function(skb->mark);
}

SEC("tc") int uses_outer(struct __sk_buff *skb)
{
	__u32 zero = 0;

	bpf_map_lookup_elem(&outer, &zero);
	bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU, &zero, 4);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
