// Starts the kernel's SMB server (ksmbd, 5.15) on 127.0.0.1:PORT, as its daemon does: over generic netlink. It prints `ready` when asked
// for, and ends the server at end of file on standard input. It answers none of the server's questions about accounts and shares.
//
//     smb-server PORT
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAMILY "SMBD_GENL"
#define STARTING_UP 2
#define INTERFACE "lo"

// struct ksmbd_startup_request
struct startup {
	uint32_t flags;
	int32_t signing;
	char oldest[16], newest[16], netbios_name[16], work_group[64], description[64];
	uint16_t port, ipc_timeout;
	uint32_t limits[138];
	uint32_t interfaces_bytes;
	char interfaces[sizeof(INTERFACE)];
} __attribute__((packed));

struct message {
	struct nlmsghdr header;
	struct genlmsghdr generic;
	struct nlattr attribute;
	char payload[4096];
};

static void check(int is_so, const char *what)
{
	if (is_so)
		return;
	perror(what);
	exit(1);
}

static void ask(int netlink, int family, int command, int attribute, const void *payload, size_t bytes,
		struct message *answer)
{
	struct message message = {
		.header.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN + NLA_HDRLEN + bytes),
		.header.nlmsg_type = family,
		.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		.generic = {.cmd = command, .version = 1},
		.attribute = {.nla_len = NLA_HDRLEN + bytes, .nla_type = attribute},
	};

	memcpy(message.payload, payload, bytes);
	check(send(netlink, &message, message.header.nlmsg_len, 0) > 0, "request");
	check(recv(netlink, answer, sizeof(*answer), 0) > 0, "answer");
	check(answer->header.nlmsg_type != NLMSG_ERROR ||
		      ((struct nlmsgerr *)NLMSG_DATA(&answer->header))->error == 0,
	      "refused");
}

static int find_family(int netlink)
{
	struct message answer, confirmation;
	struct nlattr *at = &answer.attribute;

	ask(netlink, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, FAMILY, sizeof(FAMILY), &answer);
	check(recv(netlink, &confirmation, sizeof(confirmation), 0) > 0, "confirmation");
	while (at->nla_type != CTRL_ATTR_FAMILY_ID)
		at = (void *)((char *)at + NLA_ALIGN(at->nla_len));
	return *(uint16_t *)(at + 1);
}

int main(int count, char **words)
{
	struct startup startup = {
		.oldest = "SMB2_10",
		.newest = "SMB3_11",
		.netbios_name = "WEIR",
		.work_group = "WEIR",
		.description = "weir",
		.interfaces_bytes = sizeof(INTERFACE),
		.interfaces = INTERFACE,
	};
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct message answer;
	char byte;
	int control;

	if (count != 2 || strcmp(words[1], "--help") == 0) {
		puts("smb-server PORT");
		return count != 2;
	}
	check(netlink >= 0, "netlink");
	startup.port = atoi(words[1]);
	ask(netlink, find_family(netlink), STARTING_UP, STARTING_UP, &startup, sizeof(startup), &answer);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	control = open("/sys/class/ksmbd-control/kill_server", O_WRONLY | O_CLOEXEC);
	check(control >= 0 && write(control, "hard", 4) == 4, "kill_server");
	return 0;
}
