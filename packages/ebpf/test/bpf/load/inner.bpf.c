// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Inner maps whose values have a timer, and a pointer to a kernel object.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The headers of some distributions still have the tag of before 6.4. */
#define REFERENCED __attribute__((btf_type_tag("kptr")))
#define CLOCK_MONOTONIC 1

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;

__u64 fired;

struct timed {
	struct bpf_timer timer;
};

struct timed_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timed);
};

struct timed_map timed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct timed_map);
} timed_maps SEC(".maps") = { .values = { &timed } };

struct holding {
	struct task_struct REFERENCED *task;
};

struct holding_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct holding);
};

struct holding_map holding SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct holding_map);
} holding_maps SEC(".maps") = { .values = { &holding } };

static int on_timer(void *map, __u32 *key, struct timed *value)
{
	__sync_fetch_and_add(&fired, 1);
	return 0;
}

SEC("?tc")
int start_timer(struct __sk_buff *skb)
{
	__u32 first = 0;
	void *map = bpf_map_lookup_elem(&timed_maps, &first);
	struct timed *value;

	if (!map)
		return 1;
	value = bpf_map_lookup_elem(map, &first);
	if (!value)
		return 2;
	if (bpf_timer_init(&value->timer, map, CLOCK_MONOTONIC))
		return 3;
	if (bpf_timer_set_callback(&value->timer, on_timer))
		return 4;
	return bpf_timer_start(&value->timer, 1000, 0) ? 5 : 0;
}

/** Keeps a reference to the current task; returns 0 if there was none before. */
SEC("?tc")
int keep_task(struct __sk_buff *skb)
{
	__u32 first = 0;
	void *map = bpf_map_lookup_elem(&holding_maps, &first);
	struct task_struct *task;
	struct holding *value;

	if (!map)
		return 1;
	value = bpf_map_lookup_elem(map, &first);
	if (!value)
		return 2;
	task = bpf_task_acquire(bpf_get_current_task_btf());
	if (!task)
		return 3;
	task = bpf_kptr_xchg(&value->task, task);
	if (!task)
		return 0;
	bpf_task_release(task);
	return 4;
}

char LICENSE[] SEC("license") = "GPL";
