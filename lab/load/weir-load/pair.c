/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "report.h"

/* More may not fit into an unread receive queue, and then would never be acknowledged. */
enum { LARGEST_UNREAD = 32 * 1024 };

/** Whether an end leaves without the handshake of FINs, so that both must first be sure that all payload arrived. */
static bool abrupt(enum closer closer) {
  return closer == CLOSER_RESET_CLIENT || closer == CLOSER_RESET_SERVER || closer == CLOSER_CLIENT_UNREAD ||
         closer == CLOSER_SERVER_UNREAD;
}

void check_pair_options(const struct options *options) {
  uint32_t unread = options->closer == CLOSER_CLIENT_UNREAD ? options->reply : options->send;
  if ((options->closer == CLOSER_CLIENT_UNREAD || options->closer == CLOSER_SERVER_UNREAD) &&
      (unread == 0 || unread > LARGEST_UNREAD))
    die("--closer %s needs from 1 to %d bytes to leave unread", options->closer_name, LARGEST_UNREAD);
}

static void expect(int error, const char *what) {
  if (error != 0) die("%s: %s", what, strerror(error));
}

/** Takes the payload from the peer, or lets it lie. */
static void take(int fd, uint32_t bytes, bool unread) {
  if (unread) await_unread(fd, (int)bytes);
  else expect(receive_bytes(fd, bytes), "receive");
}

/** Both ends have got and acknowledged everything when both have passed here. */
static void meet(int fd, sem_t *mine, sem_t *other) {
  await_acknowledged(fd);
  sem_post(other);
  wait_for(mine);
}

int open_client(const struct options *options, const union address *server, struct pair *pair,
                struct pair_signals *signals) {
  int fd = tcp_socket(server, 0);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options->source != NULL) {
    union address source = make_address(options->family, options->source, 0);
    if (bind(fd, &source.generic, address_length(&source)) < 0) die("bind to %s: %s", options->source, strerror(errno));
  }
  pair->connecting_ns = now_ns();
  if (connect(fd, &server->generic, address_length(server)) < 0) die("connect: %s", strerror(errno));
  pair->connected_ns = now_ns();
  set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
  record_endpoint(&pair->client, fd);

  if (options->closer == CLOSER_HALF_SERVER) return fd;
  expect(send_bytes(fd, options->send), "send");
  if (options->closer == CLOSER_HALF_CLIENT) return fd;
  take(fd, options->reply, options->closer == CLOSER_CLIENT_UNREAD);
  if (abrupt(options->closer)) meet(fd, &signals->client, &signals->server);
  return fd;
}

int open_server(const struct options *options, int listener, struct pair *pair, struct pair_signals *signals) {
  int fd = accept_connection(listener, NULL);
  pair->accepted_ns = now_ns();
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
  record_endpoint(&pair->server, fd);

  if (options->closer != CLOSER_HALF_SERVER) take(fd, options->send, options->closer == CLOSER_SERVER_UNREAD);
  if (options->closer == CLOSER_HALF_CLIENT) return fd;
  expect(send_bytes(fd, options->reply), "send");
  if (abrupt(options->closer)) meet(fd, &signals->server, &signals->client);
  return fd;
}

/** The first to leave. */
static void leave(int fd, uint64_t *closing_ns) {
  *closing_ns = now_ns();
  close(fd);
}

/** The one that learns from the stream that its peer has left. */
static void follow(int fd, uint64_t *closing_ns, int *error) {
  *error = receive_end(fd);
  leave(fd, closing_ns);
}

/** Leaves a stream by its sending half first, then takes what the peer still sends. */
static void leave_by_halves(int fd, uint32_t incoming, uint64_t *closing_ns) {
  *closing_ns = now_ns();
  if (shutdown(fd, SHUT_WR) < 0) die("shutdown: %s", strerror(errno));
  expect(receive_bytes(fd, incoming), "receive after shutdown");
  expect(receive_end(fd), "end after shutdown");
  close(fd);
}

void end_client(const struct options *options, int fd, struct pair *pair, struct pair_signals *signals) {
  switch (options->closer) {
    case CLOSER_RESET_CLIENT:
      reset_on_close(fd);
      leave(fd, &pair->client_closing_ns);
      break;
    case CLOSER_CLIENT:
    case CLOSER_CLIENT_UNREAD: leave(fd, &pair->client_closing_ns); break;
    case CLOSER_HALF_CLIENT: leave_by_halves(fd, options->reply, &pair->client_closing_ns); break;
    case CLOSER_HALF_SERVER:
      expect(receive_bytes(fd, options->reply), "receive");
      expect(receive_end(fd), "end");
      expect(send_bytes(fd, options->send), "send");
      leave(fd, &pair->client_closing_ns);
      break;
    case CLOSER_SIMULTANEOUS:
      meet(fd, &signals->client, &signals->server);
      leave(fd, &pair->client_closing_ns);
      break;
    default: follow(fd, &pair->client_closing_ns, &pair->client_error);
  }
}

void end_server(const struct options *options, int fd, struct pair *pair, struct pair_signals *signals) {
  switch (options->closer) {
    case CLOSER_RESET_SERVER:
      reset_on_close(fd);
      leave(fd, &pair->server_closing_ns);
      break;
    case CLOSER_SERVER:
    case CLOSER_SERVER_UNREAD: leave(fd, &pair->server_closing_ns); break;
    case CLOSER_HALF_SERVER: leave_by_halves(fd, options->send, &pair->server_closing_ns); break;
    case CLOSER_HALF_CLIENT:
      expect(receive_end(fd), "end");
      expect(send_bytes(fd, options->reply), "send");
      leave(fd, &pair->server_closing_ns);
      break;
    case CLOSER_SIMULTANEOUS:
      meet(fd, &signals->server, &signals->client);
      leave(fd, &pair->server_closing_ns);
      break;
    default: follow(fd, &pair->server_closing_ns, &pair->server_error);
  }
}

void print_pair(const char *kind, const struct options *options, uint32_t index, const struct pair *pair) {
  printf("{\"kind\":\"%s\",\"index\":%u,", kind, index);
  print_endpoint("client", &pair->client);
  putchar(',');
  print_endpoint("server", &pair->server);
  printf(",\"bytes_client_to_server\":%u,\"bytes_server_to_client\":%u,\"closer\":\"%s\"", options->send,
         options->reply, options->closer_name);
  print_error("client_error", pair->client_error);
  print_error("server_error", pair->server_error);
  print_time("connecting_ns", pair->connecting_ns);
  print_time("connected_ns", pair->connected_ns);
  print_time("accepted_ns", pair->accepted_ns);
  print_time("client_closing_ns", pair->client_closing_ns);
  print_time("server_closing_ns", pair->server_closing_ns);
  puts("}");
}
