// Asks the kernel for connections of its own, in a network namespace given by its path:
//
//     kernel-clients NETNS mount TYPE SOURCE OPTIONS   mounts on /mnt, as with nfs or cifs
//     kernel-clients NETNS nbd DEVICE PORT             connects to 127.0.0.1:PORT, and leaves the socket to the block device
//     kernel-clients NETNS iscsi PORT                  the same, and leaves the socket to the iSCSI initiator, which sends a PDU
//
// Each waits in the kernel for as long as that does, and ends when it is killed (SIGTERM).
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients.h"

void check(int is_so, const char *what)
{
	if (is_so)
		return;
	perror(what);
	exit(1);
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	check(fd >= 0, path);
	return fd;
}

static void mount_share(const char *type, const char *source, const char *options)
{
	mkdir("/mnt", 0755);
	check(mount(source, "/mnt", type, 0, options) == 0, "mount");
}

int connect_to(int port)
{
	struct sockaddr_in peer = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int connection = socket(AF_INET, SOCK_STREAM, 0);

	check(connect(connection, (void *)&peer, sizeof(peer)) == 0, "connect");
	return connection;
}

static void serve_device(const char *path, int port)
{
	int connection = connect_to(port);
	int device = open_file(path, O_RDWR);

	check(ioctl(device, NBD_SET_SIZE, 1 << 20) == 0 && ioctl(device, NBD_SET_SOCK, connection) == 0, "ioctl");
	// From here on no process has it as a descriptor.
	close(connection);
	ioctl(device, NBD_DO_IT);
}

int main(int count, char **words)
{
	const char *what = count > 2 ? words[2] : "";
	int initiator = -1;

	if (count == 2 && strcmp(words[1], "--help") == 0) {
		puts("kernel-clients NETNS mount TYPE SOURCE OPTIONS | NETNS nbd DEVICE PORT | NETNS iscsi PORT");
		return 0;
	}
	check(count > 3, "kernel-clients NETNS COMMAND ARGUMENTS");
	if (strcmp(what, "iscsi") == 0)
		initiator = open_initiator();
	check(setns(open_file(words[1], O_RDONLY), CLONE_NEWNET) == 0, "setns");
	if (strcmp(what, "mount") == 0 && count == 6)
		mount_share(words[3], words[4], words[5]);
	else if (initiator >= 0)
		run_session(initiator, atoi(words[3]));
	else if (strcmp(what, "nbd") == 0 && count == 5)
		serve_device(words[3], atoi(words[4]));
	else
		return 2;
	return 0;
}
