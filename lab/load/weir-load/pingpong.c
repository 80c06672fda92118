/* SPDX-License-Identifier: Apache-2.0 */
/* `pingpong`: one byte there and one byte back, over one connection, as fast as it goes. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "run.h"

static void move_byte(ssize_t result) {
  if (result != 1) die("a byte was not moved: %s", result < 0 ? strerror(errno) : "the end came too early");
}

void run_pingpong(const struct options *options) {
  union address address = make_address(options->family, options->address, options->port);
  char byte = 0;
  int listener = listening_socket(&address);
  pid_t server = fork_child(options->server_comm);
  if (server == 0) {
    int fd = accept_connection(listener, NULL);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    for (uint32_t i = 0; i < options->count; i++) {
      move_byte(recv(fd, &byte, 1, 0));
      move_byte(send(fd, &byte, 1, MSG_NOSIGNAL));
    }
    receive_end(fd);
    _exit(0);
  }
  ready(options, "");
  int fd = tcp_socket(&address, 0);
  if (connect(fd, &address.generic, address_length(&address)) < 0) die("connect: %s", strerror(errno));
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  uint64_t started = now_ns();
  for (uint32_t i = 0; i < options->count; i++) {
    move_byte(send(fd, &byte, 1, MSG_NOSIGNAL));
    move_byte(recv(fd, &byte, 1, 0));
  }
  uint64_t ended = now_ns();
  close(fd);
  await_child(server);
  printf("{\"kind\":\"totals\",\"connections\":1,\"round_trips\":%u,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n",
         options->count, (double)(ended - started) / 1e9, total_cpu_seconds());
}
