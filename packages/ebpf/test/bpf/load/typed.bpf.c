// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// One of each kind of map that generated modules give types, and programs that attach by themselves.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct key {
	__u32 pid;
	__u16 kind;
};

struct counters {
	__u64 calls;
	__u32 last;
};

struct note {
	__u64 number;
	__u32 round;
	char text[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct key);
	__type(value, struct counters);
} by_key SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, struct key);
} waiting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct note);
} notes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(value, struct note);
} samples SEC(".maps");

const volatile __u32 first_round = 1;
const volatile char label[12] = "none";
__u64 total;
struct key last = { 1, 2 };

static void fill(struct note *note)
{
	note->number = ++total;
	note->round = first_round;
	for (int i = 0; i < 12; i++)
		note->text[i] = label[i];
}

SEC("socket")
int take_note(struct __sk_buff *skb)
{
	struct note *note = bpf_ringbuf_reserve(&notes, sizeof(*note), 0);

	if (!note)
		return 0;
	fill(note);
	bpf_ringbuf_submit(note, 0);
	return 1;
}

SEC("tc")
int take_sample(struct __sk_buff *skb)
{
	struct key key = { .pid = 7 };
	struct note note = {};
	__u32 index = 1;
	__u64 *count = bpf_map_lookup_elem(&per_cpu, &index);

	if (count)
		*count += 1;
	key.kind = last.kind;
	bpf_map_push_elem(&waiting, &key, 0);
	fill(&note);
	return bpf_perf_event_output(skb, &samples, BPF_F_CURRENT_CPU, &note, sizeof(note)) == 0;
}

SEC("raw_tp/sys_enter")
int on_enter(void *ctx)
{
	return 0;
}
