/* SPDX-License-Identifier: Apache-2.0 */
/* `refused`, `blackhole`, `unreachable`: connects that fail, each with its errno. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "run.h"
#include "report.h"

struct attempt {
  struct endpoint client;
  uint64_t connecting_ns, ended_ns;
  int fd; /* -1 once ended */
  int error;
  bool given_up, connected;
};

struct plan {
  const struct options *options;
  union address peer;
  struct attempt *attempts;
  uint32_t threads;
};

/** A socket that is about to connect. */
static void prepare(const struct plan *plan, struct attempt *attempt, int flags) {
  const struct options *options = plan->options;
  attempt->fd = tcp_socket(&plan->peer, flags);
  if (options->syn_count != 0) set_option(attempt->fd, IPPROTO_TCP, TCP_SYNCNT, (int)options->syn_count);
  if (options->user_timeout_ms != 0)
    set_option(attempt->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)options->user_timeout_ms);
  if (options->bind || options->source != NULL) {
    union address source = make_address(options->family, options->source, 0);
    if (bind(attempt->fd, &source.generic, address_length(&source)) < 0) die("bind: %s", strerror(errno));
  }
  /* Without bind the port is chosen by connect() and given back when that fails. */
  record_endpoint(&attempt->client, options->bind ? attempt->fd : -1);
  attempt->connecting_ns = now_ns();
}

static void end_attempt(struct attempt *attempt, int error) {
  attempt->ended_ns = now_ns();
  attempt->error = error;
  attempt->connected = error == 0 && !attempt->given_up;
  close(attempt->fd);
  attempt->fd = -1;
}

static void run_blocking(void *opaque, unsigned index) {
  struct plan *plan = opaque;
  for (uint32_t i = index; i < plan->options->count; i += plan->threads) {
    struct attempt *attempt = &plan->attempts[i];
    prepare(plan, attempt, 0);
    int result = connect(attempt->fd, &plan->peer.generic, address_length(&plan->peer));
    end_attempt(attempt, result < 0 ? errno : 0);
  }
}

/** Starts one attempt; returns whether it is still open. */
static bool start(const struct plan *plan, struct attempt *attempt, int epoll) {
  struct epoll_event event = {.events = EPOLLOUT, .data.ptr = attempt};
  prepare(plan, attempt, SOCK_NONBLOCK);
  int result = connect(attempt->fd, &plan->peer.generic, address_length(&plan->peer));
  if (result == 0 || errno != EINPROGRESS) {
    end_attempt(attempt, result < 0 ? errno : 0);
    return false;
  }
  record_endpoint(&attempt->client, attempt->fd);
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, attempt->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
  return true;
}

/*
 * An ICMP error wakes who waits for the socket before the kernel has ended the attempt, on another CPU. TCP_INFO takes
 * the socket's lock, and so waits for that end: without it SO_ERROR might read no error yet, or take it away from the
 * end that is still to come.
 */
static int socket_error(int fd) {
  struct tcp_info info;
  socklen_t length = sizeof info;
  int error = 0;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) die("TCP_INFO: %s", strerror(errno));
  length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) die("SO_ERROR: %s", strerror(errno));
  return error;
}

static void run_concurrent(struct plan *plan) {
  const struct options *options = plan->options;
  struct epoll_event events[256];
  uint32_t open = 0;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) die("epoll_create1: %s", strerror(errno));
  need_files(options->count);
  for (uint32_t i = 0; i < options->count; i++) open += start(plan, &plan->attempts[i], epoll);

  uint64_t give_up = options->give_up_ms == 0 ? UINT64_MAX : now_ns() + options->give_up_ms * 1000000ull;
  while (open > 0) {
    uint64_t now = now_ns();
    if (now >= give_up) break;
    int timeout = give_up == UINT64_MAX ? -1 : (int)((give_up - now) / 1000000 + 1);
    int count = epoll_wait(epoll, events, 256, timeout);
    if (count < 0 && errno != EINTR) die("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++, open--) {
      struct attempt *attempt = events[i].data.ptr;
      end_attempt(attempt, socket_error(attempt->fd));
    }
  }
  for (uint32_t i = 0; open > 0 && i < options->count; i++) {
    if (plan->attempts[i].fd < 0) continue;
    plan->attempts[i].given_up = true;
    end_attempt(&plan->attempts[i], 0);
    open--;
  }
  close(epoll);
}

static void print_attempt(const struct plan *plan, uint32_t index) {
  const struct attempt *attempt = &plan->attempts[index];
  struct endpoint peer = {.address = plan->peer};
  printf("{\"kind\":\"attempt\",\"index\":%u,", index);
  print_endpoint("client", &attempt->client);
  putchar(',');
  print_endpoint("peer", &peer);
  print_error("error", attempt->error);
  if (attempt->given_up) printf(",\"given_up\":true");
  if (attempt->connected) printf(",\"connected\":true");
  print_time("connecting_ns", attempt->connecting_ns);
  print_time("ended_ns", attempt->ended_ns);
  puts("}");
}

static void run_attempts(const struct options *options, union address peer, bool blocking) {
  struct plan plan = {.options = options, .peer = peer};
  char details[96];
  uint32_t failed = 0, given_up = 0, connected = 0;
  plan.attempts = shared_memory(options->count * sizeof *plan.attempts);
  plan.threads = options->concurrency < options->count ? options->concurrency : options->count;
  snprintf(details, sizeof details, "\"client\":{\"pid\":%d},\"ports\":[%u]", getpid(), address_port(&peer));
  ready(options, details);
  uint64_t started = now_ns();
  if (blocking) run_threads(plan.threads, run_blocking, &plan);
  else run_concurrent(&plan);
  uint64_t ended = now_ns();
  for (uint32_t i = 0; i < options->count; i++) {
    print_attempt(&plan, i);
    failed += plan.attempts[i].error != 0;
    given_up += plan.attempts[i].given_up;
    connected += plan.attempts[i].connected;
  }
  printf("{\"kind\":\"totals\",\"attempts\":%u,\"failed\":%u,\"given_up\":%u,\"connected\":%u,\"seconds\":%.6f}\n",
         options->count, failed, given_up, connected, (double)(ended - started) / 1e9);
}

void run_refused(const struct options *options) {
  union address peer = make_address(options->family, options->address, options->port);
  int holder = bound_socket(&peer); /* nobody else can listen there */
  run_attempts(options, peer, true);
  close(holder);
}

static union address named_peer(const struct options *options) {
  if (options->address == NULL) die("%s needs --address", options->subcommand);
  return make_address(options->family, options->address, options->port == 0 ? 9 : options->port);
}

void run_blackhole(const struct options *options) {
  struct options with_default = *options;
  /* One repetition of the SYN: the attempt ends after about 3 s instead of 127 s. */
  if (options->syn_count == 0) with_default.syn_count = 1;
  run_attempts(&with_default, named_peer(options), options->blocking);
}

void run_unreachable(const struct options *options) {
  run_attempts(options, named_peer(options), options->blocking);
}
