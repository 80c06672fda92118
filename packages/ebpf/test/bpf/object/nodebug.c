// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// For objects without BTF, with maps in the old form, or with an undefined symbol.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifdef LEGACY_MAPS
struct {
	unsigned int type, key_size, value_size, max_entries, map_flags;
#ifdef MORE_MEMBERS
	unsigned int more;
} legacy SEC("maps") = { BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0, 7 };
#else
} legacy SEC("maps") = { BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0 };
#endif
#endif

#ifdef UNDEFINED
int nowhere(int x);
#else
static int nowhere(int x)
{
	return x;
}
#endif

const volatile int setting = 3;

static __noinline int sub(int x)
{
	return x + setting;
}

SEC("socket") int main_program(struct __sk_buff *skb)
{
	return sub(skb->len) + nowhere(skb->mark);
}
