/* SPDX-License-Identifier: Apache-2.0 */
#include "ways.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "net.h"
#include "run.h"

enum { LARGEST_PIECE = 262139, THREADS = 8, PATIENCE_MS = 20 };

static const char zeros[LARGEST_PIECE];

/** Sizes that fit into no buffer, page or segment evenly. */
static size_t piece(unsigned turn, uint64_t left) {
  static const size_t sizes[] = {1, 65521, 3, 4093, LARGEST_PIECE, 1021, 131071, 7};
  size_t size = sizes[turn % (sizeof sizes / sizeof sizes[0])];
  return left < size ? (size_t)left : size;
}

static uint64_t moved(ssize_t result, const char *call) {
  if (result < 0 && errno == EINTR) return 0;
  if (result < 0) die("%s: %s", call, strerror(errno));
  if (result == 0) die("%s: the end came too early", call);
  return (uint64_t)result;
}

static void send_by_write(int fd, uint64_t bytes) {
  for (unsigned turn = 0; bytes > 0; turn++) bytes -= moved(write(fd, zeros, piece(turn, bytes)), "write");
}

static void send_by_sendfile(int fd, uint64_t bytes) {
  int file = memfd_create("weir-load", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, LARGEST_PIECE) < 0) die("memfd: %s", strerror(errno));
  for (unsigned turn = 0; bytes > 0; turn++) {
    off_t start = 0;
    bytes -= moved(sendfile(fd, file, &start, piece(turn, bytes)), "sendfile");
  }
  close(file);
}

/** Moves what lies in one descriptor on to another. */
static void splice_all(int from, int to, uint64_t bytes) {
  while (bytes > 0) bytes -= moved(splice(from, NULL, to, NULL, bytes, SPLICE_F_MOVE), "splice");
}

static void send_by_splice(int fd, uint64_t bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) die("pipe: %s", strerror(errno));
  for (unsigned turn = 0; bytes > 0; turn++) {
    /* A pipe holds 64 KiB by default. */
    size_t size = piece(turn, bytes < 65536 ? bytes : 65536);
    uint64_t filled = moved(write(ends[1], zeros, size), "write to a pipe");
    splice_all(ends[0], fd, filled);
    bytes -= filled;
  }
  close(ends[0]);
  close(ends[1]);
}

static void receive_by_splice(int fd, uint64_t bytes) {
  int ends[2];
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0 || pipe2(ends, O_CLOEXEC) < 0) die("pipe: %s", strerror(errno));
  for (unsigned turn = 0; bytes > 0; turn++) {
    uint64_t filled = moved(splice(fd, NULL, ends[1], NULL, piece(turn, bytes), SPLICE_F_MOVE), "splice");
    splice_all(ends[0], nowhere, filled);
    bytes -= filled;
  }
  close(ends[0]);
  close(ends[1]);
  close(nowhere);
}

/** Reads a notice that the kernel has released buffers; returns how many sends they belonged to. */
static uint32_t completed(int fd) {
  char control[256];
  struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
  struct pollfd wanted = {.fd = fd};
  poll(&wanted, 1, 1000);
  if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0) {
    if (errno == EAGAIN || errno == EINTR) return 0;
    die("MSG_ERRQUEUE: %s", strerror(errno));
  }
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL) return 0;
  const struct sock_extended_err *notice = (const void *)CMSG_DATA(header);
  if (notice->ee_errno != 0 || notice->ee_origin != SO_EE_ORIGIN_ZEROCOPY) die("MSG_ERRQUEUE held another notice");
  return notice->ee_data - notice->ee_info + 1;
}

static void send_by_zerocopy(int fd, uint64_t bytes) {
  uint32_t pending = 0;
  set_option(fd, SOL_SOCKET, SO_ZEROCOPY, 1);
  for (unsigned turn = 0; bytes > 0; turn++) {
    ssize_t n = send(fd, zeros, piece(turn, bytes), MSG_ZEROCOPY);
    if (n < 0 && errno == ENOBUFS && pending > 0) {
      pending -= completed(fd);
      continue;
    }
    bytes -= moved(n, "send with MSG_ZEROCOPY");
    pending++;
  }
  while (pending > 0) pending -= completed(fd);
}

struct shared_stream {
  int fd;
  uint64_t bytes;
  _Atomic uint64_t received;
};

static void send_share(void *opaque, unsigned index) {
  const struct shared_stream *stream = opaque;
  uint64_t share = stream->bytes / THREADS + (index < stream->bytes % THREADS ? 1 : 0);
  send_by_write(stream->fd, share);
}

static void receive_share(void *opaque, unsigned index) {
  struct shared_stream *stream = opaque;
  char chunk[4093];
  (void)index;
  while (atomic_load(&stream->received) < stream->bytes) {
    ssize_t n = recv(stream->fd, chunk, sizeof chunk, 0);
    /* Another thread may have taken the last bytes. */
    if (n < 0 && errno == EAGAIN) continue;
    atomic_fetch_add(&stream->received, moved(n, "recv"));
  }
}

static void receive_by_threads(int fd, uint64_t bytes) {
  struct shared_stream stream = {.fd = fd, .bytes = bytes};
  struct timeval patience = {.tv_usec = PATIENCE_MS * 1000}, forever = {0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  run_threads(THREADS, receive_share, &stream);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
}

void send_by(enum way way, int fd, uint64_t bytes) {
  switch (way) {
    case WAY_WRITE: send_by_write(fd, bytes); break;
    case WAY_SENDFILE: send_by_sendfile(fd, bytes); break;
    case WAY_SPLICE: send_by_splice(fd, bytes); break;
    case WAY_ZEROCOPY: send_by_zerocopy(fd, bytes); break;
    case WAY_THREADS: {
      struct shared_stream stream = {.fd = fd, .bytes = bytes};
      run_threads(THREADS, send_share, &stream);
    }
  }
}

void receive_by(enum way way, int fd, uint64_t bytes) {
  static char chunk[LARGEST_PIECE];
  if (way == WAY_SPLICE) receive_by_splice(fd, bytes);
  else if (way == WAY_THREADS) receive_by_threads(fd, bytes);
  else
    for (unsigned turn = 0; bytes > 0; turn++) bytes -= moved(recv(fd, chunk, piece(turn, bytes), 0), "recv");
}

/*
 * Whether only probes of a closed window are sent any more. What is in flight may be sent again. Where the window is smaller than the
 * next segment, the kernel waits for 200 ms and then sends as much as fits; after that, each probe doubles the time to the next.
 */
static bool is_stalled(int fd) {
  struct tcp_info info;
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) die("TCP_INFO: %s", strerror(errno));
  return info.tcpi_unacked == 0 && info.tcpi_backoff > 0;
}

void stuff(int fd) {
  const struct timespec nap = {.tv_nsec = 5000000};
  do {
    if (send(fd, zeros, sizeof zeros, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
      die("send: %s", strerror(errno));
    nanosleep(&nap, NULL);
  } while (!is_stalled(fd));
}
