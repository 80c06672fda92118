/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Outgoing connections until they are established or have failed. */
#pragma once

#include "emit-event.h"

/* TCP_CLOSE to TCP_SYN_SENT, in the context of the process that connects. */
static __always_inline int connect_begins(struct sock *sk)
{
	struct flow flow = {.direction = DIRECTION_OUTBOUND};
	struct tuple tuple;

	if (!direction_passes(DIRECTION_OUTBOUND) || !is_tcp(sk))
		return 0;
	read_current(&flow.owner);
	if (!process_passes(&flow.owner))
		return 0;
	if (tuple_filters && (!read_tuple(sk, &tuple) || !peer_passes(&tuple)))
		return 0;
	identify_flow(&flow);
	flow.start_ns = flow.id_ns;
	follow_flow(sk, &flow, BPF_ANY);
	return 0;
}

/* To TCP_ESTABLISHED from TCP_SYN_SENT, or from TCP_SYN_RECV when both ends connected at the same time. */
static __always_inline int connect_succeeds(void *ctx, struct sock *sk)
{
	struct flow *flow = find_flow(sk);
	struct tcp_event *event;
	struct tuple tuple;

	if (!flow || flow->direction != DIRECTION_OUTBOUND || (flow->flags & FLOW_ESTABLISHED))
		return 0;
	flow->flags |= FLOW_ESTABLISHED;
	if (!read_tuple(sk, &tuple) || !tuple_passes(&tuple)) {
		forget_flow(sk);
		return 0;
	}
	if (!is_wanted(EVENT_CONNECT))
		return 0;
	event = reserve_event(EVENT_CONNECT);
	if (!event)
		return 0;
	fill_event(event, EVENT_CONNECT, flow, &tuple, &flow->owner);
	if (flow->start_ns) {
		event->duration_ns = event->time_ns - flow->start_ns;
		event->flags |= EVENT_HAS_DURATION;
	}
	end_event(ctx, event);
	return 0;
}

/*
 * The errno of a connection attempt that is over. The kernel sets sk_err before the state where the network is the
 * cause. Without sk_err the process ended the attempt: connect() finds no free port only once it is in TCP_SYN_SENT, or
 * close() was called.
 */
static __always_inline __u16 connect_error(const struct sock *sk, const struct tuple *tuple)
{
	int error = BPF_CORE_READ(sk, sk_err);

	if (!error && bpf_core_field_exists(sk->sk_err_soft))
		error = BPF_CORE_READ(sk, sk_err_soft);
	if (!error)
		error = tuple->local_port ? ECANCELED : EADDRNOTAVAIL;
	return error;
}

/* To TCP_CLOSE before the handshake was over. */
static __always_inline int connect_fails(void *ctx, struct sock *sk, struct flow *flow)
{
	struct tcp_event *event;
	struct tuple tuple;

	if (is_wanted(EVENT_FAIL) && read_tuple(sk, &tuple) && tuple_passes(&tuple)) {
		event = reserve_event(EVENT_FAIL);
		if (event) {
			fill_event(event, EVENT_FAIL, flow, &tuple, &flow->owner);
			event->error = connect_error(sk, &tuple);
			if (flow->start_ns) {
				event->duration_ns = event->time_ns - flow->start_ns;
				event->flags |= EVENT_HAS_DURATION;
			}
			end_event(ctx, event);
		}
	}
	forget_flow(sk);
	return 0;
}

/*
 * Errors at the return of tcp_v4_connect and tcp_v6_connect for which the socket never left TCP_CLOSE: no route leads to
 * the peer, or the administrator forbids it. Changes of state show every later error.
 */
static __always_inline bool is_routing_error(int error)
{
	return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EACCES ||
	       error == EINVAL;
}

static __always_inline int connect_refused_locally(void *ctx, struct sock *sk, const struct sockaddr *address,
						   int result)
{
	struct flow flow = {.direction = DIRECTION_OUTBOUND};
	const struct sockaddr_in6 *in6 = (const void *)address;
	const struct sockaddr_in *in = (const void *)address;
	struct tuple tuple = {};
	struct tcp_event *event;

	if (!is_routing_error(-result) || !is_wanted(EVENT_FAIL) || !direction_passes(DIRECTION_OUTBOUND))
		return 0;
	if (!is_tcp(sk) || !read_tuple(sk, &tuple))
		return 0;
	if (BPF_CORE_READ(address, sa_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&tuple.peer_address, in6, sin6_addr.in6_u.u6_addr8);
		/* tcp_v6_connect hands these to tcp_v4_connect, which emits them. */
		if (is_mapped(tuple.peer_address))
			return 0;
		tuple.peer_port = bpf_ntohs(BPF_CORE_READ(in6, sin6_port));
	} else {
		map_ipv4(tuple.peer_address, BPF_CORE_READ(in, sin_addr.s_addr));
		tuple.peer_port = bpf_ntohs(BPF_CORE_READ(in, sin_port));
	}
	read_current(&flow.owner);
	if (!process_passes(&flow.owner) || !tuple_passes(&tuple))
		return 0;
	identify_flow(&flow);
	event = reserve_event(EVENT_FAIL);
	if (event) {
		fill_event(event, EVENT_FAIL, &flow, &tuple, &flow.owner);
		event->error = -result;
		event->flags |= EVENT_HAS_DURATION;
		end_event(ctx, event);
	}
	return 0;
}
