/* SPDX-License-Identifier: Apache-2.0 */
/* `churn`: as many connect, accept, close cycles as possible, or so many a second. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "run.h"

/* A client this far ahead of its server pauses: a full accept queue would drop SYNs and cost a second each. */
enum { LARGEST_LEAD = 256 };

/** A client thread and its server thread, each counting on a cache line of its own. */
struct lane {
  union address address;
  _Alignas(64) atomic_uint_fast64_t connected; /* by the client */
  atomic_bool done;                            /* `connected` is final */
  _Alignas(64) atomic_uint_fast64_t accepted;  /* by the server */
};

struct plan {
  const struct options *options;
  uint32_t lanes;
  struct lane *lane;
  sem_t *listening;
  int *listeners;
  uint64_t started;
};

static void serve(void *opaque, unsigned index) {
  struct plan *plan = opaque;
  struct lane *lane = &plan->lane[index];
  int listener = plan->listeners[index];
  uint64_t accepted = 0;
  /* The end is looked for only when no connection came for a while. */
  struct timeval patience = {.tv_usec = 50000};
  if (setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
    die("SO_RCVTIMEO: %s", strerror(errno));
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) die("accept4: %s", strerror(errno));
      if (atomic_load(&lane->done) && atomic_load(&lane->connected) == accepted) return;
      continue;
    }
    if (plan->options->closer != CLOSER_SERVER) receive_end(fd);
    close(fd);
    atomic_store_explicit(&lane->accepted, ++accepted, memory_order_release);
  }
}

/** Spreads clients over 127.x.y.z, so that ports do not run out while closed connections are in TIME_WAIT. */
static void bind_source(const struct options *options, int fd, unsigned index, uint64_t connection) {
  uint32_t host = (uint32_t)(connection % options->sources);
  union address source = make_address(FAMILY_4, NULL, 0);
  source.v4.sin_addr.s_addr = htonl(0x7f010000u + ((index & 0x7f) << 16) + (host / 250 << 8) + 1 + host % 250);
  set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (bind(fd, &source.generic, sizeof source.v4) < 0) die("bind: %s", strerror(errno));
}

static void cycle(const struct plan *plan, struct lane *lane, unsigned index, uint64_t connection) {
  const struct options *options = plan->options;
  int fd = tcp_socket(&lane->address, 0);
  if (options->sources != 0) bind_source(options, fd, index, connection);
  if (connect(fd, &lane->address.generic, address_length(&lane->address)) < 0) die("connect: %s", strerror(errno));
  if (options->closer == CLOSER_SERVER) receive_end(fd);
  if (options->closer == CLOSER_RESET_CLIENT) reset_on_close(fd);
  close(fd);
}

static void pause_until(uint64_t time_ns) {
  struct timespec time = {.tv_sec = (time_t)(time_ns / 1000000000u), .tv_nsec = (long)(time_ns % 1000000000u)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
  }
}

static void request(void *opaque, unsigned index) {
  struct plan *plan = opaque;
  const struct options *options = plan->options;
  struct lane *lane = &plan->lane[index];
  const struct timespec nap = {.tv_nsec = 50000};
  double interval_ns = options->rate > 0 ? 1e9 * plan->lanes / options->rate : 0;
  uint64_t limit = UINT64_MAX, end = UINT64_MAX, connected = 0;
  if (options->seconds > 0) end = plan->started + (uint64_t)(options->seconds * 1e9);
  if (options->seconds <= 0 || options->count_given)
    limit = options->count / plan->lanes + (index < options->count % plan->lanes);
  while (connected < limit) {
    if (end != UINT64_MAX && now_ns() >= end) break;
    if (interval_ns > 0) pause_until(plan->started + (uint64_t)((double)connected * interval_ns));
    cycle(plan, lane, index, connected);
    atomic_store_explicit(&lane->connected, ++connected, memory_order_release);
    while (connected - atomic_load_explicit(&lane->accepted, memory_order_acquire) > LARGEST_LEAD)
      nanosleep(&nap, NULL);
  }
  atomic_store(&lane->done, true);
}

static double cpu_seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

void run_churn(const struct options *options) {
  struct plan plan = {.options = options, .lanes = options->concurrency};
  if (options->closer != CLOSER_SERVER && options->closer != CLOSER_CLIENT && options->closer != CLOSER_RESET_CLIENT)
    die("churn: --closer %s is not offered", options->closer_name);
  if (options->sources != 0 && options->family != FAMILY_4) die("--sources needs --family 4");
  plan.lane = shared_memory(plan.lanes * sizeof *plan.lane);
  plan.listening = shared_memory(sizeof *plan.listening);
  init_semaphore(plan.listening);
  for (uint32_t k = 0; k < plan.lanes; k++) {
    uint16_t port = options->port == 0 ? 0 : (uint16_t)(options->port + k);
    plan.lane[k].address = make_address(options->family, options->address, port);
  }
  pid_t server = fork_child(options->server_comm);
  if (server == 0) {
    plan.listeners = calloc(plan.lanes, sizeof *plan.listeners);
    if (plan.listeners == NULL) die("out of memory");
    for (uint32_t k = 0; k < plan.lanes; k++) plan.listeners[k] = listening_socket(&plan.lane[k].address);
    sem_post(plan.listening);
    run_threads(plan.lanes, serve, &plan);
    _exit(0);
  }
  wait_for(plan.listening);
  char details[96];
  snprintf(details, sizeof details, "\"client\":{\"pid\":%d},\"server\":{\"pid\":%d}", getpid(), server);
  ready(options, details);

  plan.started = now_ns();
  run_threads(plan.lanes, request, &plan);
  uint64_t ended = now_ns();
  await_child(server);
  uint64_t connections = 0;
  for (uint32_t k = 0; k < plan.lanes; k++) connections += atomic_load(&plan.lane[k].connected);
  uint16_t *ports = calloc(plan.lanes, sizeof *ports);
  if (ports == NULL) die("out of memory");
  for (uint32_t k = 0; k < plan.lanes; k++) ports[k] = address_port(&plan.lane[k].address);
  struct rusage own, children;
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  bool all_closed = await_all_closed(ports, plan.lanes, 10000);
  free(ports);
  double seconds = (double)(ended - plan.started) / 1e9;
  printf("{\"kind\":\"totals\",\"connections\":%llu,\"seconds\":%.6f,\"connections_per_second\":%.1f,"
         "\"user_seconds\":%.6f,\"system_seconds\":%.6f,\"all_closed\":%s}\n",
         (unsigned long long)connections, seconds, (double)connections / seconds,
         cpu_seconds(own.ru_utime) + cpu_seconds(children.ru_utime),
         cpu_seconds(own.ru_stime) + cpu_seconds(children.ru_stime), all_closed ? "true" : "false");
}
