// Accepts through io_uring:
//
//     ring-accept once|multishot|direct|worker|poller
//
// Listens on 127.0.0.1, connects three times, and accepts by IORING_OP_ACCEPT: a request for each, one for all, into the ring's own table of
// files, in a worker thread of the ring, or submitted by its polling thread. Each client sends five bytes; the server's ends close first. Prints the
// port of the listener. Ends with status 2 where the kernel has no such request.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CONNECTIONS = 3, ENTRIES = 8, UNKNOWN = 2 };

struct ring {
	int fd;
	unsigned *submitted, *submitted_mask, *places;
	unsigned *taken, *completed, *completed_mask;
	struct io_uring_sqe *requests;
	struct io_uring_cqe *results;
	unsigned enter_flags;
};

static void check(int is_so, const char *what)
{
	if (is_so)
		return;
	perror(what);
	exit(1);
}

static void require(int is_so)
{
	if (!is_so)
		exit(UNKNOWN);
}

static char *map(int fd, size_t size, unsigned long long offset)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

	check(at != MAP_FAILED, "mmap");
	return at;
}

static struct ring make_ring(unsigned flags)
{
	struct io_uring_params with = {.flags = flags, .sq_thread_idle = 2000};
	struct ring ring = {.fd = syscall(SYS_io_uring_setup, ENTRIES, &with)};
	char *out, *in;

	require(ring.fd >= 0);
	out = map(ring.fd, with.sq_off.array + with.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	in = map(ring.fd, with.cq_off.cqes + with.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	ring.requests = (void *)map(ring.fd, with.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	ring.submitted = (void *)(out + with.sq_off.tail);
	ring.submitted_mask = (void *)(out + with.sq_off.ring_mask);
	ring.places = (void *)(out + with.sq_off.array);
	ring.taken = (void *)(in + with.cq_off.head);
	ring.completed = (void *)(in + with.cq_off.tail);
	ring.completed_mask = (void *)(in + with.cq_off.ring_mask);
	ring.results = (void *)(in + with.cq_off.cqes);
	ring.enter_flags = flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0;
	return ring;
}

static void submit(struct ring *ring, const struct io_uring_sqe *request)
{
	unsigned number = *ring->submitted, place = number & *ring->submitted_mask;

	ring->requests[place] = *request;
	ring->places[place] = place;
	__atomic_store_n(ring->submitted, number + 1, __ATOMIC_RELEASE);
	check(syscall(SYS_io_uring_enter, ring->fd, 1, 0, ring->enter_flags, NULL, 0) >= 0, "io_uring_enter");
}

static int await_result(struct ring *ring)
{
	int result;

	while (*ring->taken == __atomic_load_n(ring->completed, __ATOMIC_ACQUIRE))
		check(syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) >= 0 || errno == EINTR,
		      "io_uring_enter");
	result = ring->results[*ring->taken & *ring->completed_mask].res;
	__atomic_store_n(ring->taken, *ring->taken + 1, __ATOMIC_RELEASE);
	return result;
}

static void use_own_table(struct ring *ring)
{
	struct io_uring_rsrc_register wanted = {.nr = ENTRIES, .flags = IORING_RSRC_REGISTER_SPARSE};

	require(syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES2, &wanted, sizeof(wanted)) >= 0);
}

int main(int count, char **arguments)
{
	const char *way = count > 1 ? arguments[1] : "";
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct io_uring_sqe request = {.opcode = IORING_OP_ACCEPT};
	int direct = strcmp(way, "direct") == 0, multishot = strcmp(way, "multishot") == 0;
	int listener = socket(AF_INET, SOCK_STREAM, 0), clients[CONNECTIONS], servers[CONNECTIONS];
	socklen_t length = sizeof(at);
	struct ring ring;

	if (strcmp(way, "--help") == 0) {
		puts("ring-accept once|multishot|direct|worker|poller");
		return 0;
	}
	alarm(20);
	check(bind(listener, (void *)&at, sizeof(at)) == 0 && listen(listener, ENTRIES) == 0, "listen");
	getsockname(listener, (void *)&at, &length);
	ring = make_ring(strcmp(way, "poller") == 0 ? IORING_SETUP_SQPOLL : 0);
	request.fd = listener;
	if (strcmp(way, "worker") == 0)
		request.flags = IOSQE_ASYNC;
	if (multishot)
		request.ioprio = IORING_ACCEPT_MULTISHOT;
	if (direct) {
		use_own_table(&ring);
		request.file_index = IORING_FILE_INDEX_ALLOC;
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		if (i == 0 || !multishot)
			submit(&ring, &request);
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		check(connect(clients[i], (void *)&at, sizeof(at)) == 0, "connect");
		servers[i] = await_result(&ring);
		require(servers[i] != -EINVAL);
		check(servers[i] >= 0, "IORING_OP_ACCEPT");
		check(write(clients[i], "hello", 5) == 5, "write");
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		struct io_uring_sqe closing = {.opcode = IORING_OP_CLOSE, .file_index = servers[i] + 1};
		char bytes[5];

		if (direct) {
			submit(&ring, &closing);
			check(await_result(&ring) == 0, "IORING_OP_CLOSE");
		} else {
			check(recv(servers[i], bytes, sizeof(bytes), MSG_WAITALL) == sizeof(bytes), "recv");
			close(servers[i]);
		}
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		char byte;

		/* The end of the stream, or a reset where bytes were not read. */
		(void)!read(clients[i], &byte, 1);
		close(clients[i]);
	}
	printf("%d\n", ntohs(at.sin_port));
	return 0;
}
