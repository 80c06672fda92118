/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Offsets of the fields that Weir finds by itself on a kernel without BTF, as that kernel's own compiler lays them out:
 * what discovery is judged by. Compiled to assembly with the kernel's flags, never linked (lab/src/kernels/kernel-offsets.ts).
 */
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <linux/stddef.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/net_namespace.h>
#include <net/sock.h>

/* The operand is a constant that only the compiler knows: it prints it into the assembly. */
#define FIELD(type, field) \
	asm volatile("\n.ascii \"->weir " #type "." #field " %0\"" : : "i"(offsetof(struct type, field)))

void weir_offsets(void);

void weir_offsets(void)
{
	FIELD(sock_common, skc_daddr);
	FIELD(sock_common, skc_rcv_saddr);
	FIELD(sock_common, skc_dport);
	FIELD(sock_common, skc_num);
	FIELD(sock_common, skc_family);
	FIELD(sock_common, skc_state);
	FIELD(sock_common, skc_flags);
	FIELD(sock_common, skc_bound_dev_if);
	FIELD(sock_common, skc_net);
	FIELD(sock_common, skc_v6_daddr);
	FIELD(sock_common, skc_v6_rcv_saddr);
	FIELD(sock_common, skc_cookie);

	FIELD(sock, sk_socket);
	FIELD(sock, sk_err);
	FIELD(sock, sk_err_soft);
	FIELD(sock, sk_protocol);
	FIELD(sock, sk_type);
	FIELD(sock, sk_shutdown);

	FIELD(inet_sock, inet_saddr);
	FIELD(inet_sock, inet_sport);

	FIELD(tcp_sock, bytes_acked);
	FIELD(tcp_sock, bytes_received);
	FIELD(tcp_sock, bytes_sent);
	FIELD(tcp_sock, bytes_retrans);
	FIELD(tcp_sock, segs_in);
	FIELD(tcp_sock, segs_out);
	FIELD(tcp_sock, total_retrans);
	FIELD(tcp_sock, srtt_us);
	FIELD(tcp_sock, snd_una);
	FIELD(tcp_sock, snd_nxt);
	FIELD(tcp_sock, write_seq);
	FIELD(tcp_sock, rcv_nxt);

	FIELD(net, ns.inum);

	FIELD(socket, sk);
	FIELD(socket, file);
	FIELD(file, private_data);

	FIELD(task_struct, flags);
	FIELD(task_struct, pid);
	FIELD(task_struct, tgid);
	FIELD(task_struct, comm);
	FIELD(task_struct, group_leader);
}
