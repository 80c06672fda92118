/* SPDX-License-Identifier: Apache-2.0 */
/* How a load runs: its processes, the shared memory between them, the start signal, and the end. */
#ifndef WEIR_LOAD_RUN_H
#define WEIR_LOAD_RUN_H

#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct options;

/** Prints one line on standard error and ends the process with status 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** CLOCK_MONOTONIC in nanoseconds, the clock of the kernel's records. */
uint64_t now_ns(void);

/** CPU time of this process and of its children that have ended. */
double total_cpu_seconds(void);

/** Zeroed memory that stays shared with every process forked later. */
void *shared_memory(size_t bytes);

/** A child that dies with this process and starts with the given command name (NULL keeps the parent's). */
pid_t fork_child(const char *comm);

/** Waits for a child; dies unless it ended with status 0. */
void await_child(pid_t child);

/** Runs body(argument, k) for k in 0..count-1: in this thread if count is 1, else each in a thread of its own. */
void run_threads(unsigned count, void (*body)(void *argument, unsigned index), void *argument);

/** sem_wait() that goes on after signals. */
void wait_for(sem_t *semaphore);

/** A semaphore that works across processes, at zero. */
void init_semaphore(sem_t *semaphore);

/** Sets the command name of the calling thread; threads and processes created later inherit it. */
void set_comm(const char *comm);

/**
 * Prints the `ready` line. `details` is what the subcommand adds: JSON members without the braces. Then waits for a
 * line on standard input, unless --no-wait is given; end of file there ends the load with status 1.
 */
void ready(const struct options *options, const char *details);

/** Waits for the next line on standard input. */
void await_line(const struct options *options);

#endif
