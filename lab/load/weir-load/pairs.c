/* SPDX-License-Identifier: Apache-2.0 */
/* `pairs` and `hold`: connections between this process and a server process. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "pair.h"
#include "run.h"
#include "report.h"

/** One client thread with its server thread and its listener, so that it is known who accepts what. */
struct lane {
  struct pair_signals signals;
  union address address;
  int listener; /* valid in the server process only */
};

struct plan {
  const struct options *options;
  uint32_t lanes;
  struct lane *lane;
  struct pair *pairs;
  sem_t *listening, *opened; /* posted by the server */
};

static void serve(void *opaque, unsigned index) {
  struct plan *plan = opaque;
  struct lane *lane = &plan->lane[index];
  for (uint32_t i = index; i < plan->options->count; i += plan->lanes) {
    int fd = open_server(plan->options, lane->listener, &plan->pairs[i], &lane->signals);
    end_server(plan->options, fd, &plan->pairs[i], &lane->signals);
  }
}

static void request(void *opaque, unsigned index) {
  struct plan *plan = opaque;
  struct lane *lane = &plan->lane[index];
  for (uint32_t i = index; i < plan->options->count; i += plan->lanes) {
    int fd = open_client(plan->options, &lane->address, &plan->pairs[i], &lane->signals);
    end_client(plan->options, fd, &plan->pairs[i], &lane->signals);
  }
}

static struct plan make_plan(const struct options *options, uint32_t lanes) {
  struct plan plan = {.options = options, .lanes = lanes};
  check_pair_options(options);
  plan.lane = shared_memory(lanes * sizeof *plan.lane);
  plan.pairs = shared_memory(options->count * sizeof *plan.pairs);
  plan.listening = shared_memory(2 * sizeof *plan.listening);
  plan.opened = plan.listening + 1;
  init_semaphore(plan.listening);
  init_semaphore(plan.opened);
  for (uint32_t k = 0; k < lanes; k++) {
    uint16_t port = options->port == 0 ? 0 : (uint16_t)(options->port + k);
    plan.lane[k].address = make_address(options->family, options->address, port);
    init_semaphore(&plan.lane[k].signals.client);
    init_semaphore(&plan.lane[k].signals.server);
  }
  return plan;
}

static void listen_on_lanes(struct plan *plan) {
  for (uint32_t k = 0; k < plan->lanes; k++) plan->lane[k].listener = listening_socket(&plan->lane[k].address);
  sem_post(plan->listening);
}

static void announce(const struct plan *plan, pid_t server) {
  size_t size = 256 + 8 * (size_t)plan->lanes, used;
  char *details = malloc(size);
  if (details == NULL) die("out of memory");
  wait_for(plan->listening);
  const char *format = "\"client\":{\"pid\":%d},\"server\":{\"pid\":%d},\"ports\":[";
  used = (size_t)snprintf(details, size, format, getpid(), server);
  for (uint32_t k = 0; k < plan->lanes; k++)
    used += (size_t)snprintf(details + used, size - used, "%s%u", k > 0 ? "," : "",
                             address_port(&plan->lane[k].address));
  snprintf(details + used, size - used, "]");
  ready(plan->options, details);
  free(details);
}

static bool await_lanes_closed(const struct plan *plan) {
  uint16_t *ports = calloc(plan->lanes, sizeof *ports);
  if (ports == NULL) die("out of memory");
  for (uint32_t k = 0; k < plan->lanes; k++) ports[k] = address_port(&plan->lane[k].address);
  bool all_closed = await_all_closed(ports, plan->lanes, 10000);
  free(ports);
  return all_closed;
}

static void finish(const struct plan *plan, const char *kind, uint64_t started, uint64_t ended) {
  const struct options *options = plan->options;
  bool all_closed = await_lanes_closed(plan);
  for (uint32_t i = 0; i < options->count; i++) print_pair(kind, options, i, &plan->pairs[i]);
  printf("{\"kind\":\"totals\",\"connections\":%u,\"bytes_client_to_server\":%llu,\"bytes_server_to_client\":%llu,"
         "\"seconds\":%.6f,\"all_closed\":%s}\n",
         options->count, (unsigned long long)options->count * options->send,
         (unsigned long long)options->count * options->reply, (double)(ended - started) / 1e9,
         all_closed ? "true" : "false");
}

void run_pairs(const struct options *options) {
  uint32_t lanes = options->concurrency < options->count ? options->concurrency : options->count;
  struct plan plan = make_plan(options, lanes);
  pid_t server = fork_child(options->server_comm);
  if (server == 0) {
    listen_on_lanes(&plan);
    run_threads(lanes, serve, &plan);
    _exit(0);
  }
  announce(&plan, server);
  uint64_t started = now_ns();
  run_threads(lanes, request, &plan);
  await_child(server);
  finish(&plan, "pair", started, now_ns());
}

static int *descriptors(const struct options *options) {
  need_files(options->count);
  int *fds = calloc(options->count, sizeof *fds);
  if (fds == NULL) die("out of memory");
  return fds;
}

static void hold_server(struct plan *plan) {
  const struct options *options = plan->options;
  int *fds = descriptors(options);
  listen_on_lanes(plan);
  for (uint32_t i = 0; i < options->count; i++)
    fds[i] = open_server(options, plan->lane->listener, &plan->pairs[i], &plan->lane->signals);
  sem_post(plan->opened);
  for (uint32_t i = 0; i < options->count; i++) end_server(options, fds[i], &plan->pairs[i], &plan->lane->signals);
  _exit(0);
}

void run_hold(const struct options *options) {
  if (options->closer >= CLOSER_HALF_CLIENT) die("hold: --closer %s is not offered", options->closer_name);
  struct plan plan = make_plan(options, 1);
  pid_t server = fork_child(options->server_comm);
  if (server == 0) hold_server(&plan);
  int *fds = descriptors(options);
  announce(&plan, server);
  uint64_t started = now_ns();
  for (uint32_t i = 0; i < options->count; i++)
    fds[i] = open_client(options, &plan.lane->address, &plan.pairs[i], &plan.lane->signals);
  wait_for(plan.opened);
  for (uint32_t i = 0; i < options->count; i++) print_pair("open", options, i, &plan.pairs[i]);
  printf("{\"kind\":\"holding\",\"connections\":%u}\n", options->count);
  fflush(stdout);
  await_line(options);
  for (uint32_t i = 0; i < options->count; i++) end_client(options, fds[i], &plan.pairs[i], &plan.lane->signals);
  await_child(server);
  finish(&plan, "pair", started, now_ns());
  free(fds);
}
