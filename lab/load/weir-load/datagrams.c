/* SPDX-License-Identifier: Apache-2.0 */
/* `datagrams`: an unconnected UDP server and many peers, each of which sends a few datagrams and gets as many back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "net.h"
#include "run.h"
#include "report.h"

/** Datagrams that a peer sends before it waits for the answers. */
enum { BATCH = 8, LARGEST = 2048 };

struct batch {
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  union address peers[BATCH];
  char bytes[BATCH][LARGEST];
};

struct shared {
  union address address;
  struct endpoint server;
  sem_t listening;
};

/** Spreads over every length up to 1,000, 0 among them. */
static size_t size_of(uint32_t peer, unsigned turn, bool reply) {
  return (peer * 7 + turn * (reply ? 131 : 59)) % 1001;
}

static uint64_t bytes_of(uint32_t peer, bool reply) {
  uint64_t bytes = 0;
  for (unsigned turn = 0; turn < BATCH; turn++) bytes += size_of(peer, turn, reply);
  return bytes;
}

static void prepare(struct batch *batch, bool named) {
  memset(batch->messages, 0, sizeof batch->messages);
  for (unsigned i = 0; i < BATCH; i++) {
    struct msghdr *header = &batch->messages[i].msg_hdr;
    batch->vectors[i] = (struct iovec){.iov_base = batch->bytes[i], .iov_len = LARGEST};
    header->msg_iov = &batch->vectors[i];
    header->msg_iovlen = 1;
    if (!named) continue;
    header->msg_name = &batch->peers[i];
    header->msg_namelen = sizeof batch->peers[i];
  }
}

static void send_one(enum call call, int fd, const struct msghdr *header) {
  const struct iovec *vector = header->msg_iov;
  ssize_t sent = call == CALL_SENDMSG ? sendmsg(fd, header, 0)
                                      : sendto(fd, vector->iov_base, vector->iov_len, 0, header->msg_name,
                                               header->msg_name == NULL ? 0 : header->msg_namelen);
  if (sent != (ssize_t)vector->iov_len) die("send: %s", strerror(errno));
}

static void send_batch(enum call call, int fd, struct batch *batch) {
  if (call != CALL_SENDMMSG) {
    for (unsigned i = 0; i < BATCH; i++) send_one(call, fd, &batch->messages[i].msg_hdr);
    return;
  }
  int sent = sendmmsg(fd, batch->messages, BATCH, 0);
  if (sent != BATCH) die("sendmmsg took %d: %s", sent, strerror(errno));
}

static ssize_t receive_one(enum call call, int fd, struct msghdr *header) {
  if (call == CALL_SENDMSG) return recvmsg(fd, header, 0);
  const struct iovec *vector = header->msg_iov;
  return recvfrom(fd, vector->iov_base, vector->iov_len, 0, header->msg_name,
                  header->msg_name == NULL ? NULL : &header->msg_namelen);
}

/** Waits for all of them; returns how many bytes came. */
static uint64_t receive_batch(enum call call, int fd, struct batch *batch) {
  uint64_t bytes = 0;
  for (unsigned got = 0; got < BATCH;) {
    int more = 1;
    if (call == CALL_SENDMMSG) {
      more = recvmmsg(fd, batch->messages + got, BATCH - got, MSG_WAITFORONE, NULL);
    } else {
      ssize_t length = receive_one(call, fd, &batch->messages[got].msg_hdr);
      if (length < 0) more = -1;
      else batch->messages[got].msg_len = (unsigned)length;
    }
    if (more < 0) die("receive: %s", strerror(errno));
    for (; more > 0; more--) bytes += batch->messages[got++].msg_len;
  }
  return bytes;
}

static int udp_socket(const union address *address) {
  int fd = socket(address->generic.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket: %s", strerror(errno));
  return fd;
}

static void serve(const struct options *options, struct shared *shared) {
  static struct batch batch;
  int fd = udp_socket(&shared->address);
  if (bind(fd, &shared->address.generic, address_length(&shared->address)) < 0) die("bind: %s", strerror(errno));
  record_endpoint(&shared->server, fd);
  sem_post(&shared->listening);
  for (uint32_t peer = 0; peer < options->count; peer++) {
    prepare(&batch, true);
    if (receive_batch(options->call, fd, &batch) != bytes_of(peer, false)) die("peer %u sent something else", peer);
    for (unsigned i = 0; i < BATCH; i++) batch.vectors[i].iov_len = size_of(peer, i, true);
    send_batch(options->call, fd, &batch);
  }
  _exit(0);
}

static void exchange(const struct options *options, int fd, uint32_t peer, const union address *server) {
  static struct batch batch;
  prepare(&batch, options->unconnected);
  for (unsigned i = 0; i < BATCH; i++) {
    batch.vectors[i].iov_len = size_of(peer, i, false);
    batch.peers[i] = *server;
    if (options->unconnected) batch.messages[i].msg_hdr.msg_namelen = address_length(server);
  }
  send_batch(options->call, fd, &batch);
  prepare(&batch, options->unconnected);
  if (receive_batch(options->call, fd, &batch) != bytes_of(peer, true)) die("peer %u got something else", peer);
}

void run_datagrams(const struct options *options) {
  struct shared *shared = shared_memory(sizeof *shared);
  struct endpoint *peers = calloc(options->count, sizeof *peers);
  int *fds = calloc(options->count, sizeof *fds);
  if (peers == NULL || fds == NULL) die("out of memory");
  need_files(options->count);
  shared->address = make_address(options->family, options->address, options->port);
  init_semaphore(&shared->listening);
  pid_t server = fork_child(options->server_comm);
  if (server == 0) serve(options, shared);
  wait_for(&shared->listening);
  ready(options, "");
  const union address *address = &shared->server.address;
  for (uint32_t i = 0; i < options->count; i++) {
    union address own = make_address(options->family, options->address, 0);
    fds[i] = udp_socket(&own);
    int failed = options->unconnected ? bind(fds[i], &own.generic, address_length(&own))
                                      : connect(fds[i], &address->generic, address_length(address));
    if (failed < 0) die("peer %u: %s", i, strerror(errno));
    record_endpoint(&peers[i], fds[i]);
  }
  for (uint32_t i = 0; i < options->count; i++) exchange(options, fds[i], i, address);
  await_child(server);
  for (uint32_t i = 0; i < options->count; i++) {
    printf("{\"kind\":\"flow\",\"index\":%u,", i);
    print_endpoint("client", &peers[i]);
    putchar(',');
    print_endpoint("server", &shared->server);
    printf(",\"datagrams\":%d,\"bytes_client_to_server\":%llu,\"bytes_server_to_client\":%llu}\n", BATCH,
           (unsigned long long)bytes_of(i, false), (unsigned long long)bytes_of(i, true));
    close(fds[i]);
  }
  puts("{\"kind\":\"totals\"}");
}
