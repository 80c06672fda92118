// A connection that changes hands:
//
//     hand-over fork|descriptor|leader tcp|udp PORT
//
// Connects to 127.0.0.1:PORT, sends 100 bytes, prints the process that holds the socket, and waits for a line. Then `fork`
// leaves the socket to a child and ends; `descriptor` sends it to a child and lives on without it; `leader` ends its main
// thread while another holds on to it. Prints the process that holds the socket now, which lives until it is killed.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char bytes[100];

static void check(int is_so, const char *what)
{
	if (is_so)
		return;
	perror(what);
	exit(1);
}

static void report(void)
{
	printf("%d\n", getpid());
	fflush(stdout);
}

static void await_line(void)
{
	char line[16];

	check(read(0, line, sizeof(line)) > 0, "read");
}

static void hold(int socket)
{
	check(write(socket, bytes, sizeof(bytes)) == sizeof(bytes), "write");
	report();
	alarm(60);
	for (;;)
		pause();
}

static void *hold_in_thread(void *socket)
{
	// The main thread has ended by then.
	usleep(50000);
	hold((int)(long)socket);
	return NULL;
}

union message {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static void pass(int channel, int socket)
{
	union message control = {};
	struct iovec data = {.iov_base = (void *)bytes, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(&control.header), &socket, sizeof(socket));
	check(sendmsg(channel, &message, 0) == 1, "sendmsg");
}

static int receive(int channel)
{
	union message control = {};
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int socket;

	check(recvmsg(channel, &message, 0) == 1, "recvmsg");
	memcpy(&socket, CMSG_DATA(&control.header), sizeof(socket));
	return socket;
}

int main(int count, char **arguments)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int channel[2], stream, fd;
	pthread_t thread;

	if (count == 2 && strcmp(arguments[1], "--help") == 0) {
		puts("hand-over fork|descriptor|leader tcp|udp PORT");
		return 0;
	}
	check(count == 4, "hand-over fork|descriptor|leader tcp|udp PORT");
	to.sin_port = htons(atoi(arguments[3]));
	stream = strcmp(arguments[2], "tcp") == 0;
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0, "socketpair");
	if (strcmp(arguments[1], "descriptor") == 0 && fork() == 0) {
		prctl(PR_SET_NAME, "successor");
		close(channel[0]);
		hold(receive(channel[1]));
	}
	close(channel[1]);
	fd = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	check(connect(fd, (void *)&to, sizeof(to)) == 0, "connect");
	check(write(fd, bytes, sizeof(bytes)) == sizeof(bytes), "write");
	report();
	await_line();
	if (strcmp(arguments[1], "leader") == 0) {
		check(pthread_create(&thread, NULL, hold_in_thread, (void *)(long)fd) == 0, "pthread_create");
		pthread_exit(NULL);
	}
	if (strcmp(arguments[1], "descriptor") == 0) {
		pass(channel[0], fd);
		close(fd);
		for (;;)
			pause();
	} else if (fork() == 0) {
		prctl(PR_SET_NAME, "successor");
		hold(fd);
	}
	return 0;
}
