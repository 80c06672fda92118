/* SPDX-License-Identifier: Apache-2.0 */
/* `transfer`: one connection, over which a known number of bytes moves each way, by a way that is chosen. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "run.h"
#include "report.h"
#include "ways.h"

/** Counters of one end, as the kernel has them. */
struct figures {
  uint64_t acked, received; /* SYN and FIN count as a byte each */
  uint32_t retransmits, segments_sent, segments_received;
};

struct end {
  struct endpoint place;
  struct figures moved; /* when all had arrived, before anything was closed */
  struct figures last;  /* just before close(), or when a reset had come */
  int error;            /* how receiving ended */
  bool all_closed;
  sem_t turn;
};

struct transfer {
  const struct options *options;
  union address address;
  sem_t listening, closing;
  struct end client, server;
};

static struct figures figures_of(int fd) {
  struct tcp_info info;
  socklen_t length = sizeof info;
  memset(&info, 0, sizeof info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) die("TCP_INFO: %s", strerror(errno));
  return (struct figures){
      .acked = info.tcpi_bytes_acked,
      .received = info.tcpi_bytes_received,
      .retransmits = info.tcpi_total_retrans,
      .segments_sent = info.tcpi_segs_out,
      .segments_received = info.tcpi_segs_in,
  };
}

static void enter(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) die("enter %s: %s", path, strerror(errno));
  close(fd);
}

/** Both ends pass here together. */
static void meet(struct end *mine, struct end *other) {
  sem_post(&other->turn);
  wait_for(&mine->turn);
}

/** Reads the counters once all that was sent has arrived. */
static void take_stock(int fd, bool stalled, struct end *mine, struct end *other) {
  if (!stalled) await_acknowledged(fd);
  meet(mine, other);
  mine->moved = figures_of(fd);
  meet(mine, other);
}

/** Nothing is read meanwhile, so that what has arrived stays as it is. */
static void await_reset(int fd) {
  struct pollfd wanted = {.fd = fd};
  while (!(wanted.revents & (POLLERR | POLLHUP)))
    if (poll(&wanted, 1, -1) < 0 && errno != EINTR) die("poll: %s", strerror(errno));
}

static void finish_end(int fd, bool first, bool reset, struct end *mine, uint16_t port) {
  if (reset && first) reset_on_close(fd);
  if (reset && !first) await_reset(fd);
  if (!first) mine->error = receive_end(fd);
  mine->last = figures_of(fd);
  close(fd);
  mine->all_closed = await_all_closed(&port, 1, 10000);
}

static bool is_reset(const struct options *options) {
  return options->closer == CLOSER_RESET_CLIENT || options->closer == CLOSER_RESET_SERVER;
}

static void serve(struct transfer *transfer) {
  const struct options *options = transfer->options;
  bool half = options->closer == CLOSER_HALF_CLIENT;
  if (options->server_netns != NULL) enter(options->server_netns);
  int listener = listening_socket(&transfer->address);
  uint16_t port = address_port(&transfer->address);
  sem_post(&transfer->listening);
  int fd = accept_connection(listener, NULL);
  close(listener);
  record_endpoint(&transfer->server.place, fd);
  if (!options->stall) receive_by(options->way, fd, options->send);
  if (half) transfer->server.error = receive_end(fd);
  if (!options->stall) send_by(options->way, fd, options->reply);
  take_stock(fd, options->stall, &transfer->server, &transfer->client);
  wait_for(&transfer->closing);
  bool first = half || options->closer == CLOSER_SERVER || options->closer == CLOSER_RESET_SERVER;
  finish_end(fd, first, is_reset(options), &transfer->server, port);
}

static int request(struct transfer *transfer) {
  const struct options *options = transfer->options;
  int fd = tcp_socket(&transfer->address, 0);
  if (connect(fd, &transfer->address.generic, address_length(&transfer->address)) < 0)
    die("connect: %s", strerror(errno));
  record_endpoint(&transfer->client.place, fd);
  if (options->stall) stuff(fd);
  else send_by(options->way, fd, options->send);
  if (options->closer == CLOSER_HALF_CLIENT && shutdown(fd, SHUT_WR) < 0) die("shutdown: %s", strerror(errno));
  receive_by(options->way, fd, options->reply);
  take_stock(fd, options->stall, &transfer->client, &transfer->server);
  return fd;
}

static void print_figures(const char *name, const struct figures *figures) {
  printf(",\"%s\":{\"acked\":%llu,\"received\":%llu,\"retransmits\":%u,\"segments_sent\":%u,"
         "\"segments_received\":%u}",
         name, (unsigned long long)figures->acked, (unsigned long long)figures->received, figures->retransmits,
         figures->segments_sent, figures->segments_received);
}

/** The figures are those after the bytes have moved, or the last ones. */
static void print_transfer(const char *kind, const struct transfer *transfer, bool last) {
  const struct options *options = transfer->options;
  const struct end *client = &transfer->client, *server = &transfer->server;
  printf("{\"kind\":\"%s\",\"index\":0,", kind);
  print_endpoint("client", &client->place);
  putchar(',');
  print_endpoint("server", &server->place);
  if (!options->stall)
    printf(",\"bytes_client_to_server\":%u,\"bytes_server_to_client\":%u", options->send, options->reply);
  printf(",\"closer\":\"%s\"", options->closer_name);
  print_figures("client_kernel", last ? &client->last : &client->moved);
  print_figures("server_kernel", last ? &server->last : &server->moved);
  if (last) print_error("client_error", client->error);
  if (last) print_error("server_error", server->error);
  puts("}");
  fflush(stdout);
}

void run_transfer(const struct options *options) {
  struct transfer *transfer = shared_memory(sizeof *transfer);
  transfer->options = options;
  transfer->address = make_address(options->family, options->address, options->port);
  init_semaphore(&transfer->listening);
  init_semaphore(&transfer->closing);
  init_semaphore(&transfer->client.turn);
  init_semaphore(&transfer->server.turn);
  pid_t server = fork_child(options->server_comm);
  if (server == 0) {
    serve(transfer);
    _exit(0);
  }
  wait_for(&transfer->listening);
  char details[96];
  uint16_t port = address_port(&transfer->address);
  snprintf(details, sizeof details, "\"client\":{\"pid\":%d},\"server\":{\"pid\":%d},\"ports\":[%u]", getpid(), server,
           port);
  ready(options, details);
  uint64_t started = now_ns();
  int fd = request(transfer);
  uint64_t ended = now_ns();
  print_transfer("moved", transfer, false);
  await_line(options);
  sem_post(&transfer->closing);
  bool first = options->closer == CLOSER_CLIENT || options->closer == CLOSER_RESET_CLIENT;
  finish_end(fd, first, is_reset(options), &transfer->client, port);
  await_child(server);
  print_transfer("pair", transfer, true);
  printf("{\"kind\":\"totals\",\"connections\":1,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"all_closed\":%s}\n",
         (double)(ended - started) / 1e9, total_cpu_seconds(),
         transfer->client.all_closed && transfer->server.all_closed ? "true" : "false");
}
