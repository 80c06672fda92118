// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* One of everything that weir-bpf2ts knows how to translate. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __bigint __attribute__((btf_decl_tag("bigint")))
#define __number __attribute__((btf_decl_tag("number")))
#define __export __attribute__((btf_decl_tag("export")))

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum event_kind {
	EVENT_CONNECT = 1,
	EVENT_CLOSE,
	EVENT_ERROR = -1,
};

enum wide_kind {
	WIDE_LOW = 1,
	WIDE_HIGH = 1ULL << 40,
};

struct address {
	union {
		__u8 v6[16];
		__u32 v4;
	};
	__u16 port;
	__u16 _pad;
};

/* About what a tracer sends for a connection. */
struct event {
	__u64 time_ns;
	__u64 flow_cookie __bigint;
	__s64 clock_offset;
	enum event_kind kind;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u64 cgroup_id;
	char comm[16];
	struct address local;
	struct address peer;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u32 srtt_us;
	__u16 family;
	_Bool inbound;
	char letter;
};

struct wide {
	unsigned __int128 whole;
	__int128 halves[2];
} __export;

typedef struct {
	__u32 low : 3;
	__s32 negative : 5;
	__u32 high : 24;
	__u64 wide : 40;
	enum event_kind kind : 4;
} flags_t;

struct everything {
	__s8 tiny;
	__s16 small;
	__s32 plain;
	float single;
	double twice;
	enum wide_kind wide_kind;
	const volatile void *pointer;
	__u32 matrix[2][3];
	__u64 counters[2];
	__u64 hashes[2] __bigint;
	enum event_kind kinds[2];
	struct address addresses[2];
	char names[2][8];
	flags_t flags;
	struct {
		int inner;
	} nested;
	union {
		__u32 number;
		__u8 bytes[4];
	} either;
	int _private_name;
	int privateName;
	__u8 tail[];
};

struct exported {
	int value;
} __export;

struct key {
	__u32 netns;
	__u16 port;
};

struct flow {
	__u64 cgroup_id;
	__u64 small __number;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct key);
	__type(value, struct event);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} drop_counts SEC(".maps") __number;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u64);
	__type(value, __s64);
} exact SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, struct flow);
	__type(value, __u32);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

const struct everything *unused_everything __attribute__((unused));
struct exported *keep_exported;
struct wide *keep_wide;
__u64 exact_total;
__u64 counted_total __number;

const volatile __u32 own_pid = 0;
const volatile _Bool verbose = 0;
const volatile char command_name[16] = "";
volatile __u64 total_lost;
volatile struct key last_key = { 1, 2 };

SEC("raw_tp/sample")
int sample(void *ctx)
{
	total_lost += own_pid + verbose + command_name[0];
	last_key.port = keep_exported ? keep_exported->value : 0;
	return 0;
}
