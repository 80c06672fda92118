/* SPDX-License-Identifier: Apache-2.0 */
/* `pass`: a socket opened by one process and closed by another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "run.h"
#include "report.h"

/** The history of one connection, in shared memory. */
struct passed {
  struct endpoint client, server;
  pid_t closer_pid, closer_tid;
  uint64_t connecting_ns, connected_ns, accepted_ns, closing_ns;
};

struct plan {
  const struct options *options;
  union address *address; /* shared: the server learns the port */
  struct passed *passed;
  sem_t *listening, *close_now, *closed; /* posted by the server, the opener, the peer */
  int channel[2];                        /* a socket pair: what the opener sends arrives at the closer */
};

static void send_descriptor(int channel, int fd) {
  char byte = 0, control[CMSG_SPACE(sizeof fd)];
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  memset(control, 0, sizeof control);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(channel, &message, 0) != 1) die("sendmsg: %s", strerror(errno));
}

static int receive_descriptor(int channel) {
  int fd;
  char byte, control[CMSG_SPACE(sizeof fd)];
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) die("recvmsg: %s", strerror(errno));
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_type != SCM_RIGHTS) die("recvmsg: no descriptor arrived");
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

static void close_as(struct plan *plan, struct passed *passed, int fd) {
  struct endpoint closer = {0};
  record_endpoint(&closer, -1);
  passed->closer_pid = closer.pid;
  passed->closer_tid = closer.tid;
  wait_for(plan->close_now);
  int error = send_bytes(fd, plan->options->reply);
  if (error != 0) die("send: %s", strerror(error));
  passed->closing_ns = now_ns();
  close(fd);
}

/** The process that gets descriptors over the channel, and closes them. */
static pid_t start_closer(struct plan *plan) {
  pid_t closer = fork_child(NULL);
  if (closer != 0) return closer;
  for (uint32_t i = 0; i < plan->options->count; i++)
    close_as(plan, &plan->passed[i], receive_descriptor(plan->channel[1]));
  _exit(0);
}

/** Gives the opener's descriptor away; when this returns, the other process has closed the socket. */
static void pass_on(struct plan *plan, struct passed *passed, int fd) {
  if (plan->options->how == PASS_SCM) {
    send_descriptor(plan->channel[0], fd);
    close(fd);
    sem_post(plan->close_now);
    wait_for(plan->closed);
    return;
  }
  pid_t closer = fork_child(NULL);
  if (closer == 0) {
    close_as(plan, passed, fd);
    _exit(0);
  }
  close(fd);
  sem_post(plan->close_now);
  wait_for(plan->closed);
  await_child(closer);
}

/** The end that keeps its socket: reads to the end of the stream and closes. */
static void keep(struct plan *plan, int fd) {
  receive_end(fd);
  close(fd);
  sem_post(plan->closed);
}

static void serve(struct plan *plan) {
  const struct options *options = plan->options;
  bool passes = !options->pass_client;
  pid_t closer = passes && options->how == PASS_SCM ? start_closer(plan) : 0;
  int listener = listening_socket(plan->address);
  sem_post(plan->listening);
  for (uint32_t i = 0; i < options->count; i++) {
    struct passed *passed = &plan->passed[i];
    int fd = accept_connection(listener, NULL);
    passed->accepted_ns = now_ns();
    record_endpoint(&passed->server, fd);
    if (passes) pass_on(plan, passed, fd);
    else keep(plan, fd);
  }
  if (closer != 0) await_child(closer);
  _exit(0);
}

static void request(struct plan *plan) {
  const struct options *options = plan->options;
  bool passes = options->pass_client;
  pid_t closer = passes && options->how == PASS_SCM ? start_closer(plan) : 0;
  for (uint32_t i = 0; i < options->count; i++) {
    struct passed *passed = &plan->passed[i];
    int fd = tcp_socket(plan->address, 0);
    passed->connecting_ns = now_ns();
    if (connect(fd, &plan->address->generic, address_length(plan->address)) < 0) die("connect: %s", strerror(errno));
    passed->connected_ns = now_ns();
    record_endpoint(&passed->client, fd);
    if (passes) pass_on(plan, passed, fd);
    else keep(plan, fd);
  }
  if (closer != 0) await_child(closer);
}

static void print_passed(const struct plan *plan, uint32_t index) {
  const struct options *options = plan->options;
  const struct passed *passed = &plan->passed[index];
  struct endpoint closer = {.pid = passed->closer_pid, .tid = passed->closer_tid};
  printf("{\"kind\":\"passed\",\"index\":%u,", index);
  print_endpoint("client", &passed->client);
  putchar(',');
  print_endpoint("server", &passed->server);
  putchar(',');
  print_endpoint("closed_by", &closer);
  printf(",\"closer\":\"%s\",\"bytes_client_to_server\":%u,\"bytes_server_to_client\":%u",
         options->pass_client ? "client" : "server", options->pass_client ? options->reply : 0,
         options->pass_client ? 0 : options->reply);
  print_time("connecting_ns", passed->connecting_ns);
  print_time("connected_ns", passed->connected_ns);
  print_time("accepted_ns", passed->accepted_ns);
  print_time("closing_ns", passed->closing_ns);
  puts("}");
}

void run_pass(const struct options *options) {
  struct plan plan = {.options = options};
  plan.passed = shared_memory(options->count * sizeof *plan.passed);
  plan.address = shared_memory(sizeof *plan.address);
  *plan.address = make_address(options->family, options->address, options->port);
  plan.listening = shared_memory(3 * sizeof *plan.listening);
  plan.close_now = plan.listening + 1;
  plan.closed = plan.listening + 2;
  for (int i = 0; i < 3; i++) init_semaphore(&plan.listening[i]);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, plan.channel) < 0) die("socketpair: %s", strerror(errno));

  pid_t server = fork_child(options->server_comm);
  if (server == 0) serve(&plan);
  wait_for(plan.listening);
  char details[128];
  snprintf(details, sizeof details, "\"client\":{\"pid\":%d},\"server\":{\"pid\":%d},\"ports\":[%u]", getpid(), server,
           address_port(plan.address));
  ready(options, details);
  request(&plan);
  await_child(server);
  uint16_t port = address_port(plan.address);
  bool all_closed = await_all_closed(&port, 1, 10000);
  for (uint32_t i = 0; i < options->count; i++) print_passed(&plan, i);
  printf("{\"kind\":\"totals\",\"connections\":%u,\"all_closed\":%s}\n", options->count, all_closed ? "true" : "false");
}
