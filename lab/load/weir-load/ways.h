/* SPDX-License-Identifier: Apache-2.0 */
/* The ways in which a program can move bytes over a connection. All die where the kernel refuses. */
#ifndef WEIR_LOAD_WAYS_H
#define WEIR_LOAD_WAYS_H

#include <stdint.h>

#include "options.h"

/** Sends exactly so many bytes, in pieces of odd sizes. */
void send_by(enum way way, int fd, uint64_t bytes);

/** Takes exactly so many bytes. */
void receive_by(enum way way, int fd, uint64_t bytes);

/** Sends to a peer that does not read until nothing moves any more, and leaves it so. */
void stuff(int fd);

#endif
