/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and sockets of the three families, and what the kernel says about them. */
#ifndef WEIR_LOAD_NET_H
#define WEIR_LOAD_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "options.h"

union address {
  struct sockaddr generic;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/** One end of a connection and the thread that made or took it. */
struct endpoint {
  pid_t pid, tid;
  union address address; /* family 0: unknown */
};

/** An address as sockets of the family want it: `mapped` turns IPv4 into ::ffff:a.b.c.d. NULL: loopback. */
union address make_address(enum family family, const char *text, uint16_t port);
socklen_t address_length(const union address *address);
uint16_t address_port(const union address *address);
void set_port(union address *address, uint16_t port);
bool same_address(const union address *a, const union address *b);
/** Text without the IPv4-mapped prefix, as a tracer shows it. `text` has room for INET6_ADDRSTRLEN bytes. */
void format_address(const union address *address, char *text);

/** The calling thread's ids and, if fd is not negative, the socket's local address. */
void record_endpoint(struct endpoint *endpoint, int fd);

/** A TCP socket, close-on-exec. `flags`: SOCK_NONBLOCK or 0. */
int tcp_socket(const union address *address, int flags);
/** A socket bound to the address, with SO_REUSEADDR; the address is updated with the port that the kernel chose. */
int bound_socket(union address *address);
/** As bound_socket, and listening with the longest backlog the kernel grants. */
int listening_socket(union address *address);
/** accept4() that goes on after signals; dies on any other error. */
int accept_connection(int listener, union address *peer);
/** close() will send a RST. */
void reset_on_close(int fd);
void set_option(int fd, int level, int name, int value);

/** Both return 0 or the errno that ended them; receiving less than asked for is ENODATA. */
int send_bytes(int fd, uint64_t bytes);
int receive_bytes(int fd, uint64_t bytes);
/** Reads to the end of the stream: 0 at an orderly end, else the errno. */
int receive_end(int fd);
/** Waits until the peer has acknowledged all that was sent (SIOCOUTQ). */
void await_acknowledged(int fd);
/** Waits until so many bytes lie unread in the receive queue (SIOCINQ). */
void await_unread(int fd, int bytes);

/**
 * Waits up to `timeout_ms` until no socket of this network namespace with one of these ports on either end is left
 * in any TCP state but LISTEN and TIME_WAIT. Returns whether that was reached.
 */
bool await_all_closed(const uint16_t *ports, size_t count, int timeout_ms);

/** Raises the soft limit of open files; dies if so many descriptors cannot be had. */
void need_files(uint64_t count);

#endif
