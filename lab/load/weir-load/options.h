/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef WEIR_LOAD_OPTIONS_H
#define WEIR_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/** The end that closes a connection, and the way it does. */
enum closer {
  CLOSER_CLIENT,
  CLOSER_SERVER,
  CLOSER_RESET_CLIENT,  /* SO_LINGER 0: a RST instead of a FIN */
  CLOSER_RESET_SERVER,
  CLOSER_CLIENT_UNREAD, /* close with unread data in the receive queue: the kernel sends a RST */
  CLOSER_SERVER_UNREAD,
  CLOSER_HALF_CLIENT,   /* the client shuts its sending side, the server answers and closes */
  CLOSER_HALF_SERVER,
  CLOSER_SIMULTANEOUS,  /* both ends at once */
};

enum family { FAMILY_4, FAMILY_6, FAMILY_MAPPED };
enum workers { WORKERS_THREADS, WORKERS_PROCESSES };
enum pass_how { PASS_FORK, PASS_SCM };
enum call { CALL_SENDTO, CALL_SENDMSG, CALL_SENDMMSG };
enum way { WAY_WRITE, WAY_SENDFILE, WAY_SPLICE, WAY_ZEROCOPY, WAY_THREADS };

struct options {
  const char *subcommand;
  uint32_t count;
  bool count_given;
  enum family family;
  const char *address; /* NULL: the family's loopback address */
  const char *source;  /* NULL: the kernel's choice */
  uint16_t port;       /* 0: the kernel's choice */
  uint32_t concurrency;
  bool wait;
  uint32_t timeout_s;
  const char *comm;        /* NULL: unchanged; else at most 15 bytes */
  const char *server_comm; /* NULL: as comm */
  /* pairs, hold, pass */
  uint32_t send, reply;
  enum closer closer;
  const char *closer_name;
  /* refused, unreachable, blackhole */
  bool blocking, bind;
  uint32_t syn_count, user_timeout_ms, give_up_ms;
  /* blocked-accept */
  enum workers workers;
  bool listener_each;
  uint32_t accepts;
  /* churn */
  double seconds, rate;
  uint32_t sources;
  /* pass */
  enum pass_how how;
  bool pass_client;
  /* datagrams */
  enum call call;
  bool unconnected;
  /* transfer */
  enum way way;
  bool stall;
  const char *server_netns; /* NULL: the same */
};

/** Reads the command line; prints help or an error and ends the process where there is no load to run. */
void parse_options(int argc, char **argv, struct options *options);

#endif
