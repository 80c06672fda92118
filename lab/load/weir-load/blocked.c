/* SPDX-License-Identifier: Apache-2.0 */
/* `blocked-accept`: threads or processes that are already inside accept() before the start signal. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "run.h"
#include "report.h"

struct accepted {
  struct endpoint server;
  union address peer;
  uint64_t accepted_ns;
};

struct worker {
  pid_t pid, tid;
  atomic_bool entering; /* the next system call is accept4() */
  union address address;
};

struct plan {
  const struct options *options;
  uint32_t connections;
  struct worker *workers;
  struct accepted *accepted; /* a worker's connections lie together */
  struct endpoint *clients;
  uint64_t *connecting_ns;
  int *listeners; /* of the process that listens; inherited by worker processes */
  int *fds;       /* of the client */
  sem_t *listening, *taken, *release;
};

static void work(void *opaque, unsigned index) {
  struct plan *plan = opaque;
  struct worker *worker = &plan->workers[index];
  uint32_t accepts = plan->options->accepts;
  int listener = plan->listeners[plan->options->listener_each ? index : 0];
  int *fds = calloc(accepts, sizeof *fds);
  if (fds == NULL) die("out of memory");
  worker->pid = getpid();
  worker->tid = (pid_t)syscall(SYS_gettid);
  atomic_store(&worker->entering, true);
  for (uint32_t i = 0; i < accepts; i++) {
    struct accepted *accepted = &plan->accepted[(size_t)index * accepts + i];
    fds[i] = accept_connection(listener, &accepted->peer);
    accepted->accepted_ns = now_ns();
    record_endpoint(&accepted->server, fds[i]);
    sem_post(plan->taken);
  }
  wait_for(plan->release);
  for (uint32_t i = 0; i < accepts; i++) {
    receive_end(fds[i]);
    close(fds[i]);
  }
  free(fds);
}

/** The process that listens, with all workers in its threads or in its children. */
static void serve(struct plan *plan) {
  const struct options *options = plan->options;
  uint32_t listeners = options->listener_each ? options->count : 1;
  need_files((uint64_t)listeners + plan->connections);
  plan->listeners = calloc(listeners, sizeof *plan->listeners);
  if (plan->listeners == NULL) die("out of memory");
  for (uint32_t k = 0; k < listeners; k++) plan->listeners[k] = listening_socket(&plan->workers[k].address);
  for (uint32_t k = listeners; k < options->count; k++) plan->workers[k].address = plan->workers[0].address;
  sem_post(plan->listening);
  if (options->workers == WORKERS_THREADS) {
    run_threads(options->count, work, plan);
    _exit(0);
  }
  for (uint32_t k = 0; k < options->count; k++) {
    if (fork_child(NULL) != 0) continue;
    work(plan, k);
    _exit(0);
  }
  int status;
  while (wait(&status) > 0)
    if (status != 0) die("a worker ended with wait status %#x", status);
  _exit(0);
}

/** First field of a file of /proc, or -1. */
static long first_number(const char *path) {
  char text[64];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0 || text[0] < '0' || text[0] > '9') return -1;
  text[n] = '\0';
  return strtol(text, NULL, 10);
}

/** Whether the thread sleeps inside accept4(), as /proc shows: `syscall` reads "running" until it sleeps. */
static bool blocked(struct worker *worker) {
  char path[64];
  if (!atomic_load(&worker->entering)) return false;
  snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", worker->pid, worker->tid);
  return first_number(path) == SYS_accept4;
}

static void await_blocked(struct plan *plan) {
  const struct timespec nap = {.tv_nsec = 2000000};
  for (uint32_t k = 0; k < plan->options->count; k++)
    while (!blocked(&plan->workers[k])) nanosleep(&nap, NULL);
}

static void announce(const struct plan *plan, pid_t server) {
  const struct options *options = plan->options;
  size_t size = 256 + 64 * (size_t)options->count;
  char *details = malloc(size);
  if (details == NULL) die("out of memory");
  const char *format = "\"client\":{\"pid\":%d},\"listener\":{\"pid\":%d},\"workers\":[";
  size_t used = (size_t)snprintf(details, size, format, getpid(), server);
  for (uint32_t k = 0; k < options->count; k++) {
    const struct worker *worker = &plan->workers[k];
    used += (size_t)snprintf(details + used, size - used, "%s{\"pid\":%d,\"tid\":%d,\"port\":%u}", k > 0 ? "," : "",
                             worker->pid, worker->tid, address_port(&worker->address));
  }
  snprintf(details + used, size - used, "]");
  ready(options, details);
  free(details);
}

/** Connections are spread over client threads, and stay open until every one is accepted, so that ports are unique. */
static void request(void *opaque, unsigned index) {
  struct plan *plan = opaque;
  const struct options *options = plan->options;
  for (uint32_t i = index; i < plan->connections; i += options->concurrency) {
    const union address *address = &plan->workers[i % options->count].address;
    plan->fds[i] = tcp_socket(address, 0);
    plan->connecting_ns[i] = now_ns();
    if (connect(plan->fds[i], &address->generic, address_length(address)) < 0) die("connect: %s", strerror(errno));
    record_endpoint(&plan->clients[i], plan->fds[i]);
  }
}

/** The thread that made a connection, and when. */
static const struct endpoint *client_of(const struct plan *plan, const struct accepted *accepted,
                                        uint64_t *connecting_ns) {
  for (uint32_t i = 0; i < plan->connections; i++) {
    if (!same_address(&plan->clients[i].address, &accepted->peer)) continue;
    *connecting_ns = plan->connecting_ns[i];
    return &plan->clients[i];
  }
  die("a connection was accepted that nobody here made");
}

static void print_accepted(const struct plan *plan, uint32_t index) {
  const struct accepted *accepted = &plan->accepted[index];
  uint64_t connecting_ns;
  const struct endpoint *client = client_of(plan, accepted, &connecting_ns);
  printf("{\"kind\":\"accepted\",\"index\":%u,\"worker\":%u,", index, index / plan->options->accepts);
  print_endpoint("client", client);
  putchar(',');
  print_endpoint("server", &accepted->server);
  printf(",\"bytes_client_to_server\":0,\"bytes_server_to_client\":0,\"closer\":\"client\"");
  print_time("connecting_ns", connecting_ns);
  print_time("accepted_ns", accepted->accepted_ns);
  puts("}");
}

void run_blocked_accept(const struct options *options) {
  struct plan plan = {.options = options, .connections = options->count * options->accepts};
  plan.workers = shared_memory(options->count * sizeof *plan.workers);
  plan.accepted = shared_memory(plan.connections * sizeof *plan.accepted);
  plan.clients = calloc(plan.connections, sizeof *plan.clients);
  plan.connecting_ns = calloc(plan.connections, sizeof *plan.connecting_ns);
  plan.fds = calloc(plan.connections, sizeof *plan.fds);
  plan.listening = shared_memory(3 * sizeof *plan.listening);
  plan.taken = plan.listening + 1;
  plan.release = plan.listening + 2;
  if (plan.clients == NULL || plan.connecting_ns == NULL || plan.fds == NULL) die("out of memory");
  for (int i = 0; i < 3; i++) init_semaphore(&plan.listening[i]);
  for (uint32_t k = 0; k < options->count; k++) {
    uint16_t port = options->port == 0 ? 0 : (uint16_t)(options->port + k);
    plan.workers[k].address = make_address(options->family, options->address, port);
  }

  pid_t server = fork_child(options->server_comm);
  if (server == 0) serve(&plan);
  need_files(plan.connections);
  wait_for(plan.listening);
  await_blocked(&plan);
  announce(&plan, server);

  uint64_t started = now_ns();
  run_threads(options->concurrency, request, &plan);
  for (uint32_t i = 0; i < plan.connections; i++) wait_for(plan.taken);
  uint64_t ended = now_ns();
  for (uint32_t i = 0; i < plan.connections; i++) close(plan.fds[i]);
  for (uint32_t k = 0; k < options->count; k++) sem_post(plan.release);
  await_child(server);

  uint16_t port = address_port(&plan.workers[0].address);
  bool all_closed = await_all_closed(&port, 1, 10000);
  for (uint32_t i = 0; i < plan.connections; i++) print_accepted(&plan, i);
  printf("{\"kind\":\"totals\",\"connections\":%u,\"seconds\":%.6f,\"all_closed\":%s}\n", plan.connections,
         (double)(ended - started) / 1e9, all_closed ? "true" : "false");
}
