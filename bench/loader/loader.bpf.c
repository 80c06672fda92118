// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// What loaders are measured with: a hash, a ring that test runs fill, and programs with relocations.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define WAKE_EVERY 65536
#define RELOCATED __attribute__((preserve_access_index))

struct mm_struct {
	unsigned long start_code, end_code, start_stack;
} RELOCATED;

struct task_struct {
	int pid, tgid;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	unsigned long long start_time;
} RELOCATED;

struct record {
	__u64 time;
	__u64 bytes;
	__u32 pid;
	__u32 parent;
	__u16 kind;
	__u16 flags;
	__u32 cpu;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 32 * 1024 * 1024);
} records SEC(".maps");

/* Makes the type of records known, which libbpf lets no ring declare. */
const struct record *unused_record __attribute__((unused));

const volatile __u32 chosen;
__u64 lost, produced;

/** A wake-up is rare: whoever measures reads when all records are there. */
static __always_inline void emit(__u32 pid, __u32 parent, __u64 bytes)
{
	struct record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	__u64 flags;

	if (!record) {
		lost++;
		return;
	}
	flags = produced % WAKE_EVERY == 0 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
	record->time = produced;
	record->bytes = bytes;
	record->pid = pid;
	record->parent = parent;
	record->kind = 1;
	record->flags = 0;
	record->cpu = 0;
	produced++;
	bpf_ringbuf_submit(record, flags);
}

SEC("xdp")
int fill(struct xdp_md *ctx)
{
	emit(7, 8, ctx->data_end - ctx->data);
	return XDP_PASS;
}

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (chosen && tgid != chosen)
		return 0;
	emit(tgid, BPF_CORE_READ(task, real_parent, tgid),
	     BPF_CORE_READ(task, mm, end_code) - BPF_CORE_READ(task, mm, start_code));
	return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = BPF_CORE_READ(task, tgid);
	__u64 *count;

	if (BPF_CORE_READ(task, pid) != tgid)
		return 0;
	count = bpf_map_lookup_elem(&table, &tgid);
	if (count)
		__sync_fetch_and_add(count, 1);
	emit(tgid, BPF_CORE_READ(task, real_parent, pid), BPF_CORE_READ(task, start_time));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
