/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands. Each prints its `ready` line, waits, runs, and prints what it did. */
#ifndef WEIR_LOAD_COMMANDS_H
#define WEIR_LOAD_COMMANDS_H

#include "options.h"

void run_pairs(const struct options *options);
void run_hold(const struct options *options);
void run_refused(const struct options *options);
void run_blackhole(const struct options *options);
void run_unreachable(const struct options *options);
void run_blocked_accept(const struct options *options);
void run_churn(const struct options *options);
void run_pass(const struct options *options);
void run_transfer(const struct options *options);
void run_pingpong(const struct options *options);
void run_datagrams(const struct options *options);

#endif
