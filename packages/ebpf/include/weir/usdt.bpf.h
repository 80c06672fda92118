/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of static probes (USDT) of programs and libraries. The loader writes, for each place of a probe, where its arguments are;
 * programs look that up by the cookie of the probe that runs them, and before Linux 5.15 by the address of its instruction.
 *
 * Names and layout of the maps are those of libbpf's usdt.bpf.h, in whose place it can be included. Include linux/bpf.h or vmlinux.h,
 * and bpf/bpf_helpers.h, before.
 */
#ifndef WEIR_USDT_BPF_H
#define WEIR_USDT_BPF_H

/* Places of probes with distinct arguments that can be attached at the same time. */
#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif

/* Instructions of attached probes; used before Linux 5.15 only. */
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif

#define BPF_USDT_MAX_ARG_CNT 12

struct pt_regs;

enum __bpf_usdt_arg_type {
	BPF_USDT_ARG_CONST,
	BPF_USDT_ARG_REG,
	BPF_USDT_ARG_REG_DEREF,
	/* register + (index << shift) + offset */
	BPF_USDT_ARG_SIB,
};

/* Where one argument is. Offsets of registers are in struct pt_regs. */
struct __bpf_usdt_arg_spec {
	/* The constant, or what is added to the register. */
	__u64 val_off;
	/* enum __bpf_usdt_arg_type; the loader writes others for what no program can read. */
	__u8 arg_type;
	__u8 scale_bitshift;
	__u16 idx_reg_off;
	__s16 reg_off;
	__u8 arg_signed;
	/* By how much a value is shifted up and down again to extend it to 64 bits. */
	__s8 arg_bitshift;
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[BPF_USDT_MAX_ARG_CNT];
	__u64 usdt_cookie;
	__s16 arg_cnt;
};

/* Written by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __attribute__((weak));

/* Index of a spec by the address of an instruction. Inserted and deleted by the loader, before Linux 5.15 only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BPF_USDT_MAX_IP_CNT);
	__type(key, long);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __attribute__((weak));

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

/* Where struct pt_regs has the instruction's address. Without a compiler's word on the machine, the kernel's types say it. */
#if defined(__TARGET_ARCH_x86)
#define __weir_usdt_ip_offset() 128
#elif defined(__TARGET_ARCH_arm64)
#define __weir_usdt_ip_offset() 256
#else
struct pt_regs___weir_x86 {
	unsigned long ip;
} __attribute__((preserve_access_index));

struct pt_regs___weir_arm64 {
	unsigned long long pc;
} __attribute__((preserve_access_index));

/* BPF_FIELD_EXISTS is 2, BPF_FIELD_BYTE_OFFSET 0. */
#define __weir_usdt_ip_offset()                                                                    \
	(__builtin_preserve_field_info(((struct pt_regs___weir_x86 *)0)->ip, 2) ?                  \
		 __builtin_preserve_field_info(((struct pt_regs___weir_x86 *)0)->ip, 0) :          \
		 __builtin_preserve_field_info(((struct pt_regs___weir_arm64 *)0)->pc, 0))
#endif

static __always_inline unsigned long __weir_usdt_register(void *ctx, int offset)
{
	unsigned long value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (char *)ctx + offset);
	return value;
}

static __always_inline struct __bpf_usdt_spec *__weir_usdt_spec(void *ctx)
{
	int id;

	if (LINUX_HAS_BPF_COOKIE) {
		id = (int)bpf_get_attach_cookie(ctx);
	} else {
		long ip = __weir_usdt_register(ctx, __weir_usdt_ip_offset());
		__u32 *found = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &ip);

		if (!found)
			return 0;
		id = *found;
	}
	return bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
}

/* Number of the probe's arguments; -3 (-ESRCH) if it is not known. */
static __attribute__((noinline, unused)) int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __weir_usdt_spec(ctx);

	return spec ? spec->arg_cnt : -3;
}

/*
 * Argument arg_num, from 0, extended to 64 bits. Returns 0, or a negative errno: -ENOENT for an argument that the probe has not,
 * -EINVAL for one that cannot be read, -EFAULT for memory that is not there, -ESRCH if the probe is not known.
 */
static __attribute__((noinline, unused)) int bpf_usdt_arg(struct pt_regs *ctx, __u64 arg_num, long *res)
{
	struct __bpf_usdt_spec *spec;
	struct __bpf_usdt_arg_spec *arg;
	unsigned long value, address;
	__s8 shift;

	*res = 0;
	spec = __weir_usdt_spec(ctx);
	if (!spec)
		return -3;
	if (arg_num >= BPF_USDT_MAX_ARG_CNT)
		return -2;
	/* The verifier has to see the bound on the very register that is used. */
	asm volatile("" : "+r"(arg_num));
	if (arg_num >= BPF_USDT_MAX_ARG_CNT || (__s64)arg_num >= spec->arg_cnt)
		return -2;
	arg = &spec->args[arg_num];
	switch (arg->arg_type) {
	case BPF_USDT_ARG_CONST:
		value = arg->val_off;
		break;
	case BPF_USDT_ARG_REG:
		value = __weir_usdt_register(ctx, arg->reg_off);
		break;
	case BPF_USDT_ARG_REG_DEREF:
	case BPF_USDT_ARG_SIB:
		address = __weir_usdt_register(ctx, arg->reg_off) + arg->val_off;
		if (arg->arg_type == BPF_USDT_ARG_SIB)
			address += __weir_usdt_register(ctx, arg->idx_reg_off) << (arg->scale_bitshift & 3);
		value = 0;
		if (bpf_probe_read_user(&value, sizeof(value), (void *)address))
			return -14;
		break;
	default:
		return -22;
	}
	shift = arg->arg_bitshift & 63;
	value <<= shift;
	*res = arg->arg_signed ? (long)value >> shift : (long)(value >> shift);
	return 0;
}

/* The cookie that was given when the probe was attached; 0 if none was. */
static __attribute__((noinline, unused)) long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __weir_usdt_spec(ctx);

	return spec ? (long)spec->usdt_cookie : 0;
}

#define __weir_usdt_count_(_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, n, ...) n
#define __weir_usdt_count(...) __weir_usdt_count_(0, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define __weir_usdt_join_(a, b) a##b
#define __weir_usdt_join(a, b) __weir_usdt_join_(a, b)
#define __weir_usdt_arg(n) ({ long value; bpf_usdt_arg(ctx, n, &value); (void *)value; })
#define __weir_usdt_args_0() ctx
#define __weir_usdt_args_1() __weir_usdt_args_0(), __weir_usdt_arg(0)
#define __weir_usdt_args_2() __weir_usdt_args_1(), __weir_usdt_arg(1)
#define __weir_usdt_args_3() __weir_usdt_args_2(), __weir_usdt_arg(2)
#define __weir_usdt_args_4() __weir_usdt_args_3(), __weir_usdt_arg(3)
#define __weir_usdt_args_5() __weir_usdt_args_4(), __weir_usdt_arg(4)
#define __weir_usdt_args_6() __weir_usdt_args_5(), __weir_usdt_arg(5)
#define __weir_usdt_args_7() __weir_usdt_args_6(), __weir_usdt_arg(6)
#define __weir_usdt_args_8() __weir_usdt_args_7(), __weir_usdt_arg(7)
#define __weir_usdt_args_9() __weir_usdt_args_8(), __weir_usdt_arg(8)
#define __weir_usdt_args_10() __weir_usdt_args_9(), __weir_usdt_arg(9)
#define __weir_usdt_args_11() __weir_usdt_args_10(), __weir_usdt_arg(10)
#define __weir_usdt_args_12() __weir_usdt_args_11(), __weir_usdt_arg(11)

/*
 * A program with the probe's arguments as parameters, each an integer or a pointer:
 *
 *   SEC("usdt/./server:http:request")
 *   int BPF_USDT(on_request, int fd, const char *path) { ... }
 */
#define BPF_USDT(name, args...)                                                                    \
	name(struct pt_regs *ctx);                                                                 \
	static __always_inline int ____##name(struct pt_regs *ctx, ##args);                        \
	int name(struct pt_regs *ctx)                                                              \
	{                                                                                          \
		_Pragma("GCC diagnostic push")                                                     \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")                             \
		return ____##name(__weir_usdt_join(__weir_usdt_args_, __weir_usdt_count(args))()); \
		_Pragma("GCC diagnostic pop")                                                      \
	}                                                                                          \
	static __always_inline int ____##name(struct pt_regs *ctx, ##args)

#endif
