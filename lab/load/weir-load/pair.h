/* SPDX-License-Identifier: Apache-2.0 */
/* One connection between a client and a server thread: how it is opened, used and ended. */
#ifndef WEIR_LOAD_PAIR_H
#define WEIR_LOAD_PAIR_H

#include <semaphore.h>

#include "net.h"

/** The history of one connection, in shared memory; each end writes its own members. Times are CLOCK_MONOTONIC. */
struct pair {
  struct endpoint client, server;
  uint64_t connecting_ns, connected_ns, accepted_ns;
  uint64_t client_closing_ns, server_closing_ns; /* before close() or shutdown() */
  int client_error, server_error;                /* how receiving ended, where a reset ended it */
};

/** The signals between the two threads of a pair. */
struct pair_signals {
  sem_t client, server;
};

/** Dies where the options cannot work together. */
void check_pair_options(const struct options *options);

/** Opens the connection and moves the payload; returns the descriptor. */
int open_client(const struct options *options, const union address *server, struct pair *pair,
                struct pair_signals *signals);
int open_server(const struct options *options, int listener, struct pair *pair, struct pair_signals *signals);

/** Ends the connection as options->closer says and closes the descriptor. */
void end_client(const struct options *options, int fd, struct pair *pair, struct pair_signals *signals);
void end_server(const struct options *options, int fd, struct pair *pair, struct pair_signals *signals);

/** Prints the connection as one JSON line. */
void print_pair(const char *kind, const struct options *options, uint32_t index, const struct pair *pair);

#endif
