/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-cases: connections of uncommon kinds, one subcommand each. It prints a line `ready` where it waits for a line on
 * standard input, and reports as JSON lines what it did: {"kind":…,"pid":…,"server":PORT,"client":PORT,"error":ERRNO}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REQUEST 1000
#define REPLY 300

static _Noreturn void die(const char *what) {
  fprintf(stderr, "weir-cases: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int check(int result, const char *what) {
  if (result < 0) die(what);
  return result;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int local_port(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  check(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
  return ntohs(address.sin_port);
}

static void enable(int fd, int level, int option, int value) {
  check(setsockopt(fd, level, option, &value, sizeof value), "setsockopt");
}

static int new_socket(int protocol) {
  int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol), "socket");
  enable(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  return fd;
}

static void bind_to(int fd, struct sockaddr_in address) {
  check(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
}

static int try_connect(int fd, struct sockaddr_in address) {
  return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
}

static int listening(int protocol, struct sockaddr_in address) {
  int fd = new_socket(protocol);
  bind_to(fd, address);
  check(listen(fd, 16), "listen");
  return fd;
}

static int connected(int protocol, struct sockaddr_in address) {
  int fd = new_socket(protocol);
  errno = try_connect(fd, address);
  if (errno != 0) die("connect");
  return fd;
}

static void move(int from, int to, size_t bytes) {
  char buffer[4096];
  memset(buffer, 'x', sizeof buffer);
  while (bytes > 0) {
    size_t piece = bytes < sizeof buffer ? bytes : sizeof buffer;
    check(send(from, buffer, piece, 0), "send");
    if (recv(to, buffer, piece, MSG_WAITALL) != (ssize_t)piece) die("recv");
    bytes -= piece;
  }
}

/** The client closes first, and each end sees the other's end. */
static void close_both(int client, int server) {
  char byte;
  check(shutdown(client, SHUT_WR), "shutdown");
  check(recv(server, &byte, 1, 0), "recv");
  close(server);
  recv(client, &byte, 1, 0);
  close(client);
}

static void await_line(void) {
  char line[16];
  puts("ready");
  fflush(stdout);
  if (fgets(line, sizeof line, stdin) == NULL) exit(1);
}

static void report(const char *kind, int server_port, int client_port, int error) {
  printf("{\"kind\":\"%s\",\"pid\":%d,\"server\":%d,\"client\":%d,\"error\":%d}\n", kind, getpid(), server_port,
         client_port, error);
  fflush(stdout);
}

/* One connection with the given protocols of server and client. `bytes`: of each of the two messages. */
static void talk(const char *kind, int server_protocol, int client_protocol, const char *address, size_t bytes) {
  struct sockaddr_in at = loopback(0);
  if (address != NULL) check(inet_pton(AF_INET, address, &at.sin_addr) - 1, "inet_pton");
  int listener = listening(server_protocol, at);
  at.sin_port = htons(local_port(listener));
  int client = connected(client_protocol, at), server = check(accept(listener, NULL, NULL), "accept");
  if (address != NULL) {
    /* Further subflows are opened after the first data. */
    move(client, server, 1);
    usleep(500000);
    move(client, server, bytes - 1);
  } else {
    move(client, server, bytes);
  }
  move(server, client, REPLY);
  int client_port = local_port(client);
  if (address != NULL) await_line();
  close_both(client, server);
  report(kind, local_port(listener), client_port, 0);
}

static void run_self(void) {
  int fd = new_socket(0);
  bind_to(fd, loopback(0));
  int port = local_port(fd);
  errno = try_connect(fd, loopback(port));
  if (errno != 0) die("connect");
  move(fd, fd, REQUEST);
  close(fd);
  report("self", port, port, 0);
}

/* The second connect() from a bound port to the same peer, and other attempts that fail before a SYN, or are given up. */
static void run_failures(int protocol) {
  int listener = listening(protocol, loopback(0)), port = local_port(listener), first = new_socket(protocol), second = new_socket(protocol);
  bind_to(first, loopback(0));
  int client_port = local_port(first);
  errno = try_connect(first, loopback(port));
  if (errno != 0) die("connect");
  bind_to(second, loopback(client_port));
  report("bound", port, client_port, try_connect(second, loopback(port)));
  close(second);
  close_both(first, check(accept(listener, NULL, NULL), "accept"));

  int refusing = new_socket(protocol), refused = new_socket(protocol);
  bind_to(refusing, loopback(0));
  bind_to(refused, loopback(0));
  client_port = local_port(refused);
  report("refused", local_port(refusing), client_port, try_connect(refused, loopback(local_port(refusing))));
  close(refused);
  close(refusing);
}

/* A connect() that the routing table refuses. */
static void run_unrouted(int protocol, const char *address) {
  struct sockaddr_in peer = loopback(80);
  int fd = new_socket(protocol);
  if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) die(address);
  report("unrouted", 80, 0, try_connect(fd, peer));
  close(fd);
}

static void *connect_in_thread(void *argument) {
  int *port = argument;
  prctl(PR_SET_NAME, "a-worker", 0, 0, 0);
  int fd = connected(0, loopback(*port));
  *port = local_port(fd);
  check(send(fd, "x", 1, 0), "send");
  close(fd);
  return NULL;
}

static void run_thread(void) {
  int listener = listening(0, loopback(0)), port = local_port(listener);
  pthread_t thread;
  char byte;
  prctl(PR_SET_NAME, "a-program", 0, 0, 0);
  pthread_create(&thread, NULL, connect_in_thread, &port);
  int server = check(accept(listener, NULL, NULL), "accept");
  pthread_join(thread, NULL);
  while (recv(server, &byte, 1, 0) > 0) continue;
  close(server);
  report("thread", local_port(listener), port, 0);
}

static void send_descriptor(int channel, int fd) {
  char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  check(sendmsg(channel, &message, 0), "sendmsg");
}

static int receive_descriptor(int channel) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int fd;
  check(recvmsg(channel, &message, 0), "recvmsg");
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

/* Keeps a socket in io_uring's table of files only. Returns the ring, or -1 where the kernel has none. */
static int hide_in_ring(int fd) {
  struct io_uring_params parameters = {0};
  int ring = syscall(SYS_io_uring_setup, 4, &parameters);
  if (ring < 0) return -1;
  check(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1), "io_uring_register");
  close(fd);
  return ring;
}

/* Sockets that no process has as a descriptor when the tracer starts. */
static void run_hidden(void) {
  int listener = listening(0, loopback(0)), port = local_port(listener), channel[2];
  int queued = connected(0, loopback(port));
  int other = listening(0, loopback(0));
  int to_sent = connected(0, loopback(local_port(other))), sent = check(accept(other, NULL, NULL), "accept");
  int to_ringed = connected(0, loopback(local_port(other))), ringed = check(accept(other, NULL, NULL), "accept");
  int sent_port = local_port(to_sent), ringed_port = local_port(to_ringed), queued_port = local_port(queued);
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), "socketpair");
  send_descriptor(channel[0], sent);
  close(sent);
  int ring = hide_in_ring(ringed);
  await_line();

  int server = check(accept(listener, NULL, NULL), "accept");
  move(queued, server, REQUEST);
  move(server, queued, REPLY);
  close_both(queued, server);
  report("queued", port, queued_port, 0);
  sent = receive_descriptor(channel[1]);
  move(to_sent, sent, REQUEST);
  move(sent, to_sent, REPLY);
  close_both(to_sent, sent);
  report("sent", local_port(other), sent_port, 0);
  if (ring < 0) return;
  char byte;
  close(ring);
  /* The ring gives its files back in a worker. */
  recv(to_ringed, &byte, 1, 0);
  close(to_ringed);
  report("ringed", local_port(other), ringed_port, 0);
}

/* Nobody accepts the connection before its listener is closed. */
static void run_dropped(int protocol) {
  int listener = listening(protocol, loopback(0)), port = local_port(listener);
  int client = connected(protocol, loopback(port)), client_port = local_port(client);
  struct pollfd ended = {.fd = client, .events = POLLIN};
  check(send(client, "x", 1, 0), "send");
  usleep(100000);
  close(listener);
  check(poll(&ended, 1, 5000), "poll");
  close(client);
  report("dropped", port, client_port, 0);
}

/* The SYN goes out with the first write. The kernel's sysctl net.ipv4.tcp_fastopen has to be 0x607. */
static void run_deferred(void) {
  int listener = listening(0, loopback(0)), port = local_port(listener), server;
  enable(listener, IPPROTO_TCP, TCP_FASTOPEN, 16);
  for (int i = 0; i < 2; i++) {
    int client = new_socket(0);
    enable(client, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
    errno = try_connect(client, loopback(port));
    if (errno != 0) die("connect");
    usleep(400000);
    check(send(client, "x", 1, 0), "send");
    server = check(accept(listener, NULL, NULL), "accept");
    int client_port = local_port(client);
    close_both(client, server);
    report("deferred", port, client_port, 0);
  }
}

/* A connection that waits, so that somebody else can destroy the client's socket. */
static void run_held(void) {
  int listener = listening(0, loopback(0)), port = local_port(listener);
  int client = connected(0, loopback(port)), server = check(accept(listener, NULL, NULL), "accept");
  int client_port = local_port(client);
  char byte;
  report("held", port, client_port, 0);
  await_line();
  report("destroyed", port, client_port, recv(client, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0);
  close(client);
  close(server);
}

/* The ends of a connection that has ended are still open: nobody else gets the memory of their sockets. */
static void run_disconnected(void) {
  int listener = listening(0, loopback(0)), port = local_port(listener);
  int client = connected(0, loopback(port)), server = check(accept(listener, NULL, NULL), "accept");
  struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
  struct pollfd reset = {.fd = server};
  report("disconnected", port, local_port(client), 0);
  await_line();
  check(connect(client, &nowhere, sizeof nowhere), "connect");
  if (check(poll(&reset, 1, 5000), "poll") == 0) die("the server's end was not reset");
  await_line();
  close(client);
  close(server);
}

int main(int count, char **values) {
  const char *name = count > 1 ? values[1] : "";
  alarm(60);
  if (strcmp(name, "--help") == 0) puts("weir-cases SUBCOMMAND: see lab/load/README.md");
  else if (strcmp(name, "mptcp") == 0 && count > 3) talk("mptcp", atoi(values[2]), atoi(values[3]), NULL, REQUEST);
  else if (strcmp(name, "subflows") == 0) talk("subflows", IPPROTO_MPTCP, IPPROTO_MPTCP, values[2], 400000);
  else if (strcmp(name, "self") == 0) run_self();
  else if (strcmp(name, "failures") == 0 && count > 2) run_failures(atoi(values[2]));
  else if (strcmp(name, "unrouted") == 0 && count > 3) run_unrouted(atoi(values[2]), values[3]);
  else if (strcmp(name, "thread") == 0) run_thread();
  else if (strcmp(name, "hidden") == 0) run_hidden();
  else if (strcmp(name, "dropped") == 0 && count > 2) run_dropped(atoi(values[2]));
  else if (strcmp(name, "deferred") == 0) run_deferred();
  else if (strcmp(name, "held") == 0) run_held();
  else if (strcmp(name, "disconnected") == 0) run_disconnected();
  else {
    fprintf(stderr, "weir-cases: '%s' is no subcommand\n", name);
    return 1;
  }
  usleep(300000); /* workers of MPTCP, and the last acknowledgements */
  return 0;
}
