// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Every question CO-RE can ask about types and enumerators. */
#include <linux/types.h>
#define BPF_NO_PRESERVE_ACCESS_INDEX
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

volatile __u64 sink;

struct list_head {
	struct list_head *next, *prev;
};

struct list_head___wrong {
	struct list_head *next;
	int prev;
};

struct list_head___more {
	struct list_head *next, *prev;
	int third;
};

struct list_head___deep {
	struct list_head___wrong *next;
};

struct hlist_node;

struct hlist_head {
	struct hlist_node *first;
};

struct task_struct;
struct task_struct___own {
	int pid;
	struct list_head tasks;
	struct task_struct *group_leader;
	char comm[16];
};

struct task_struct___comm8 {
	char comm[8];
};

struct task_struct___unsigned {
	unsigned int pid;
};

struct hrtimer;
struct hrtimer___back {
	enum hrtimer_restart___any {
		HRTIMER_NORESTART___any,
		HRTIMER_RESTART___any,
	} (*function)(struct hrtimer *);
};

struct tcp_sock;
struct no_such_struct {
	int field;
};
union no_such_union {
	int field;
};

typedef unsigned int gfp_t;
typedef struct {
	int counter;
} atomic_t;
typedef void (*no_such_typedef)(int);
/* A function pointer in the kernel as well. */
typedef void (*rcu_callback_t)(struct callback_head *head);
typedef int (*rcu_callback_t___args)(int, int);
typedef struct list_head *work_func_t;

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 77,
	BPF_MAP_TYPE_ARRAY,
	BPF_MAP_TYPE_RINGBUF = 1,
	BPF_MAP_TYPE_NEVER_WAS = 99,
};

enum bpf_map_type___v2 {
	BPF_MAP_TYPE_HASH___v2 = 5,
	BPF_MAP_TYPE_LRU_HASH___v2 = 3,
};

enum tcp_ca_state {
	TCP_CA_Open,
	TCP_CA_Loss,
};

/* 64 bits wide in the kernel. */
enum perf_callchain_context {
	PERF_CONTEXT_HV = (unsigned long long)-32,
	PERF_CONTEXT_KERNEL = 1ULL << 40,
	PERF_CONTEXT_USER = 512,
};

/* Here 32 bits wide. */
enum perf_callchain_context___narrow {
	PERF_CONTEXT_MAX___narrow = 17,
};

/* Here 64 bits wide, and not in the kernel. */
enum tcp_ca_state___wide {
	TCP_CA_Recovery = 1ULL << 33,
	TCP_CA_Disorder,
};

enum no_such_enum {
	NO_SUCH_ENUMERATOR = 12,
};

enum hrtimer_restart {
	HRTIMER_NORESTART,
	HRTIMER_RESTART,
};

SEC("raw_tp/ids")
int ids(void *ctx)
{
	sink = bpf_core_type_id_local(struct list_head);
	sink = bpf_core_type_id_local(struct no_such_struct);
	sink = bpf_core_type_id_local(int);
	sink = bpf_core_type_id_local(struct { int x; });
	sink = bpf_core_type_id_kernel(struct list_head);
	sink = bpf_core_type_id_kernel(struct task_struct___own);
	sink = bpf_core_type_id_kernel(struct no_such_struct);
	sink = bpf_core_type_id_kernel(gfp_t);
	sink = bpf_core_type_id_kernel(enum bpf_map_type);
	return 0;
}

SEC("raw_tp/exists")
int exists(void *ctx)
{
	sink = bpf_core_type_exists(struct list_head);
	sink = bpf_core_type_exists(struct list_head___wrong);
	sink = bpf_core_type_exists(struct no_such_struct);
	sink = bpf_core_type_exists(union no_such_union);
	sink = bpf_core_type_exists(union list_head___wrong_kind { int x; });
	sink = bpf_core_type_exists(gfp_t);
	sink = bpf_core_type_exists(atomic_t);
	sink = bpf_core_type_exists(rcu_callback_t);
	sink = bpf_core_type_exists(rcu_callback_t___args);
	sink = bpf_core_type_exists(work_func_t);
	sink = bpf_core_type_exists(no_such_typedef);
	sink = bpf_core_type_exists(enum bpf_map_type);
	sink = bpf_core_type_exists(enum perf_callchain_context___narrow);
	sink = bpf_core_type_exists(enum no_such_enum);
	return 0;
}

SEC("raw_tp/sizes")
int sizes(void *ctx)
{
	sink = bpf_core_type_size(struct list_head);
	sink = bpf_core_type_size(struct task_struct___own);
	sink = bpf_core_type_size(struct no_such_struct);
	sink = bpf_core_type_size(gfp_t);
	sink = bpf_core_type_size(atomic_t);
	sink = bpf_core_type_size(rcu_callback_t);
	sink = bpf_core_type_size(enum bpf_map_type);
	sink = bpf_core_type_size(enum perf_callchain_context___narrow);
	return 0;
}

SEC("raw_tp/matches")
int matches(void *ctx)
{
	sink = bpf_core_type_matches(struct list_head);
	sink = bpf_core_type_matches(struct list_head___wrong);
	sink = bpf_core_type_matches(struct list_head___more);
	sink = bpf_core_type_matches(struct list_head___deep);
	sink = bpf_core_type_matches(struct hlist_head);
	sink = bpf_core_type_matches(struct task_struct___own);
	sink = bpf_core_type_matches(struct task_struct___comm8);
	sink = bpf_core_type_matches(struct task_struct___unsigned);
	sink = bpf_core_type_matches(struct hrtimer___back);
	sink = bpf_core_type_matches(struct no_such_struct);
	sink = bpf_core_type_matches(gfp_t);
	sink = bpf_core_type_matches(atomic_t);
	sink = bpf_core_type_matches(rcu_callback_t);
	sink = bpf_core_type_matches(rcu_callback_t___args);
	sink = bpf_core_type_matches(work_func_t);
	sink = bpf_core_type_matches(enum bpf_map_type);
	sink = bpf_core_type_matches(enum bpf_map_type___v2);
	sink = bpf_core_type_matches(enum tcp_ca_state);
	sink = bpf_core_type_matches(enum tcp_ca_state___wide);
	sink = bpf_core_type_matches(enum perf_callchain_context);
	sink = bpf_core_type_matches(enum perf_callchain_context___narrow);
	sink = bpf_core_type_matches(enum no_such_enum);
	return 0;
}

SEC("raw_tp/enumerators")
int enumerators(void *ctx)
{
	sink = bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_HASH);
	sink = bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);
	sink = bpf_core_enum_value(enum bpf_map_type___v2, BPF_MAP_TYPE_HASH___v2);
	sink = bpf_core_enum_value(enum bpf_map_type___v2, BPF_MAP_TYPE_LRU_HASH___v2);
	sink = bpf_core_enum_value(enum tcp_ca_state, TCP_CA_Loss);
	sink = bpf_core_enum_value(enum tcp_ca_state___wide, TCP_CA_Recovery);
	sink = bpf_core_enum_value(enum perf_callchain_context, PERF_CONTEXT_HV);
	sink = bpf_core_enum_value(enum perf_callchain_context, PERF_CONTEXT_KERNEL);
	sink = bpf_core_enum_value(enum perf_callchain_context___narrow, PERF_CONTEXT_MAX___narrow);
	sink = bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_ARRAY);
	sink = bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_NEVER_WAS);
	sink = bpf_core_enum_value_exists(enum perf_callchain_context, PERF_CONTEXT_USER);
	sink = bpf_core_enum_value_exists(enum tcp_ca_state___wide, TCP_CA_Disorder);
	sink = bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_ENUMERATOR);
	if (bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_NEVER_WAS))
		sink = bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_NEVER_WAS);
	if (bpf_core_type_exists(enum no_such_enum))
		sink = bpf_core_enum_value(enum no_such_enum, NO_SUCH_ENUMERATOR);
	return 0;
}
