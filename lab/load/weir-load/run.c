/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

/* Loads of thousands of threads must fit into a small guest. */
enum { STACK_BYTES = 128 * 1024 };

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("weir-load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  /* No flush of standard output: a child holds a copy of what its parent has not printed yet. */
  _exit(1);
}

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double seconds_of(int who) {
  struct rusage usage;
  if (getrusage(who, &usage) < 0) die("getrusage: %s", strerror(errno));
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double total_cpu_seconds(void) { return seconds_of(RUSAGE_SELF) + seconds_of(RUSAGE_CHILDREN); }

void *shared_memory(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap of %zu bytes: %s", bytes, strerror(errno));
  return memory;
}

pid_t fork_child(const char *comm) {
  pid_t parent = getpid();
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) die("fork: %s", strerror(errno));
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  if (comm != NULL) set_comm(comm);
  return 0;
}

void await_child(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) die("waitpid: %s", strerror(errno));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("process %d ended with wait status %#x", child, status);
}

struct thread_start {
  void (*body)(void *argument, unsigned index);
  void *argument;
  unsigned index;
  pthread_t thread;
};

static void *start_thread(void *opaque) {
  struct thread_start *start = opaque;
  start->body(start->argument, start->index);
  return NULL;
}

void run_threads(unsigned count, void (*body)(void *argument, unsigned index), void *argument) {
  if (count == 1) {
    body(argument, 0);
    return;
  }
  struct thread_start *starts = calloc(count, sizeof *starts);
  if (starts == NULL) die("out of memory");
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  for (unsigned i = 0; i < count; i++) {
    starts[i] = (struct thread_start){.body = body, .argument = argument, .index = i};
    int error = pthread_create(&starts[i].thread, &attributes, start_thread, &starts[i]);
    if (error != 0) die("thread %u of %u: %s", i, count, strerror(error));
  }
  for (unsigned i = 0; i < count; i++) pthread_join(starts[i].thread, NULL);
  pthread_attr_destroy(&attributes);
  free(starts);
}

void wait_for(sem_t *semaphore) {
  while (sem_wait(semaphore) < 0)
    if (errno != EINTR) die("sem_wait: %s", strerror(errno));
}

void init_semaphore(sem_t *semaphore) {
  if (sem_init(semaphore, 1, 0) < 0) die("sem_init: %s", strerror(errno));
}

void set_comm(const char *comm) {
  if (prctl(PR_SET_NAME, comm) < 0) die("prctl(PR_SET_NAME): %s", strerror(errno));
}

void ready(const struct options *options, const char *details) {
  struct stat netns;
  if (stat("/proc/self/ns/net", &netns) < 0) die("/proc/self/ns/net: %s", strerror(errno));
  printf("{\"kind\":\"ready\",\"subcommand\":\"%s\",\"pid\":%d,\"netns\":%llu%s%s}\n", options->subcommand, getpid(),
         (unsigned long long)netns.st_ino, details[0] != '\0' ? "," : "", details);
  fflush(stdout);
  await_line(options);
}

void await_line(const struct options *options) {
  char byte;
  if (!options->wait) return;
  do {
    ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) die("standard input ended before the start signal");
  } while (byte != '\n');
}
