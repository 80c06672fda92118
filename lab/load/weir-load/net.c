/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/sockios.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

union address make_address(enum family family, const char *text, uint16_t port) {
  static const char *const loopback[] = {[FAMILY_4] = "127.0.0.1", [FAMILY_6] = "::1", [FAMILY_MAPPED] = "127.0.0.1"};
  union address address = {0};
  char mapped[INET6_ADDRSTRLEN + 8];
  if (text == NULL) text = loopback[family];
  if (family == FAMILY_4) {
    address.v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) != 1) die("'%s' is not an IPv4 address", text);
  } else {
    if (family == FAMILY_MAPPED && strchr(text, ':') == NULL) {
      snprintf(mapped, sizeof mapped, "::ffff:%s", text);
      text = mapped;
    }
    address.v6.sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) != 1) die("'%s' is not an IPv6 address", text);
  }
  set_port(&address, port);
  return address;
}

socklen_t address_length(const union address *address) {
  return address->generic.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

/* Both structures have the port at the same place. */
uint16_t address_port(const union address *address) { return ntohs(address->v4.sin_port); }
void set_port(union address *address, uint16_t port) { address->v4.sin_port = htons(port); }

bool same_address(const union address *a, const union address *b) {
  if (a->generic.sa_family != b->generic.sa_family || a->v4.sin_port != b->v4.sin_port) return false;
  if (a->generic.sa_family == AF_INET) return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
  return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

void format_address(const union address *address, char *text) {
  const void *bytes = &address->v4.sin_addr;
  int family = AF_INET;
  if (address->generic.sa_family == AF_INET6) {
    bytes = &address->v6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) bytes = &address->v6.sin6_addr.s6_addr[12];
    else family = AF_INET6;
  }
  inet_ntop(family, bytes, text, INET6_ADDRSTRLEN);
}

static union address local_address(int fd) {
  union address address = {0};
  socklen_t length = sizeof address;
  if (getsockname(fd, &address.generic, &length) < 0) die("getsockname: %s", strerror(errno));
  return address;
}

void record_endpoint(struct endpoint *endpoint, int fd) {
  endpoint->pid = getpid();
  endpoint->tid = (pid_t)syscall(SYS_gettid);
  if (fd >= 0) endpoint->address = local_address(fd);
}

int tcp_socket(const union address *address, int flags) {
  int fd = socket(address->generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_TCP);
  if (fd < 0) die("socket: %s", strerror(errno));
  return fd;
}

int bound_socket(union address *address) {
  int fd = tcp_socket(address, 0);
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd, &address->generic, address_length(address)) < 0) {
    char text[INET6_ADDRSTRLEN];
    format_address(address, text);
    die("bind to %s port %u: %s", text, address_port(address), strerror(errno));
  }
  *address = local_address(fd);
  return fd;
}

int listening_socket(union address *address) {
  int fd = bound_socket(address);
  /* The kernel cuts this to net.core.somaxconn. */
  if (listen(fd, 1 << 20) < 0) die("listen: %s", strerror(errno));
  return fd;
}

int accept_connection(int listener, union address *peer) {
  for (;;) {
    socklen_t length = sizeof *peer;
    int fd = accept4(listener, peer == NULL ? NULL : &peer->generic, peer == NULL ? NULL : &length, SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno != EINTR) die("accept4: %s", strerror(errno));
  }
}

void reset_on_close(int fd) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0) die("SO_LINGER: %s", strerror(errno));
}

void set_option(int fd, int level, int name, int value) {
  if (setsockopt(fd, level, name, &value, sizeof value) < 0)
    die("setsockopt(%d, %d, %d): %s", level, name, value, strerror(errno));
}

enum { CHUNK = 64 * 1024 };

int send_bytes(int fd, uint64_t bytes) {
  static const char chunk[CHUNK];
  while (bytes > 0) {
    ssize_t n = send(fd, chunk, bytes < CHUNK ? bytes : CHUNK, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes -= (uint64_t)n;
  }
  return 0;
}

int receive_bytes(int fd, uint64_t bytes) {
  char chunk[8192];
  while (bytes > 0) {
    ssize_t n = recv(fd, chunk, bytes < sizeof chunk ? bytes : sizeof chunk, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return ENODATA;
    bytes -= (uint64_t)n;
  }
  return 0;
}

int receive_end(int fd) {
  char chunk[8192];
  for (;;) {
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n == 0) return 0;
    if (n < 0 && errno != EINTR) return errno;
  }
}

static void nap(long nanoseconds) {
  struct timespec time = {.tv_nsec = nanoseconds};
  nanosleep(&time, NULL);
}

static int queue(int fd, unsigned long request) {
  int bytes = 0;
  if (ioctl(fd, request, &bytes) < 0) die("ioctl: %s", strerror(errno));
  return bytes;
}

void await_acknowledged(int fd) {
  while (queue(fd, SIOCOUTQ) > 0) nap(20000);
}

void await_unread(int fd, int bytes) {
  while (queue(fd, SIOCINQ) < bytes) nap(20000);
}

struct census {
  unsigned open; /* sockets that await_all_closed() waits for */
  unsigned total;
};

/** Counts the sockets of the wanted ports in /proc/net/tcp or tcp6. */
static void take_census(const char *path, const uint8_t *wanted, struct census *census) {
  enum { TIME_WAIT = 0x06, LISTEN = 0x0a };
  FILE *file = fopen(path, "re");
  char line[512];
  if (file == NULL) return; /* no tcp6 where IPv6 is off */
  while (fgets(line, sizeof line, file) != NULL) {
    unsigned local, peer, state;
    if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x", &local, &peer, &state) != 3) continue;
    if (!wanted[local & 0xffff] && !wanted[peer & 0xffff]) continue;
    census->total++;
    if (state != LISTEN && state != TIME_WAIT) census->open++;
  }
  fclose(file);
}

bool await_all_closed(const uint16_t *ports, size_t count, int timeout_ms) {
  static uint8_t wanted[65536];
  memset(wanted, 0, sizeof wanted);
  for (size_t i = 0; i < count; i++) wanted[ports[i]] = 1;
  uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000u;
  struct census last = {1, 0};
  for (;;) {
    struct census census = {0, 0};
    take_census("/proc/net/tcp", wanted, &census);
    take_census("/proc/net/tcp6", wanted, &census);
    /* The kernel may leave sockets out of these files while others come and go: only a second look that finds the
     * same number is trusted. */
    if (census.open == 0 && last.open == 0 && census.total == last.total) return true;
    if (now_ns() > end) return false;
    last = census;
    nap(5000000);
  }
}

void need_files(uint64_t count) {
  struct rlimit limit;
  rlim_t wanted = count + 64;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) die("getrlimit: %s", strerror(errno));
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted) limit.rlim_max = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) die("%llu open files: %s", (unsigned long long)wanted, strerror(errno));
}
