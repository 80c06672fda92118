// The kernel's iSCSI initiator, over netlink as iscsid asks it (include/scsi/iscsi_if.h of the kernel).
#include <linux/netlink.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients.h"

#define ISCSI_OP_LOGIN 0x43
#define BHS_BYTES 48
#define LOGIN_TEXT "InitiatorName=iqn.2001-04.com.example:weir"
#define STOP_CONN_TERM 1

enum {
	CREATE_SESSION = 11,
	DESTROY_SESSION,
	CREATE_CONN,
	DESTROY_CONN,
	BIND_CONN,
	STOP_CONN = 18,
	SEND_PDU,
};

// struct iscsi_uevent: what the request needs stands in `request`, what the kernel answers in `answer`.
struct event {
	uint32_t type;
	uint32_t error;
	uint64_t transport;
	uint32_t request[6];
	uint32_t answer[4];
} __attribute__((aligned(8)));

struct message {
	struct nlmsghdr header;
	struct event event;
	uint8_t pdu[256];
};

static uint64_t transport;

int open_initiator(void)
{
	FILE *file = fopen("/sys/class/iscsi_transport/tcp/handle", "re");
	unsigned long long handle = 0;
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ISCSI);

	check(file && fscanf(file, "%llu", &handle) == 1 && netlink >= 0, "the module iscsi_tcp");
	fclose(file);
	transport = handle;
	return netlink;
}

// Returns the first number of the answer: the new session's, or the error of the operation.
static int ask(int netlink, struct message *message, uint32_t type, size_t pdu_bytes)
{
	message->header.nlmsg_len = NLMSG_LENGTH(sizeof(message->event) + pdu_bytes);
	message->header.nlmsg_type = type;
	message->header.nlmsg_flags = NLM_F_REQUEST;
	message->event.type = type;
	message->event.error = 0;
	message->event.transport = transport;
	check(send(netlink, message, message->header.nlmsg_len, 0) > 0, "request to the initiator");
	check(recv(netlink, message, sizeof(*message), 0) > 0 && message->event.error == 0, "the initiator");
	return message->event.answer[0];
}

void run_session(int netlink, int port)
{
	struct message message = {.event.request = {0, 128 | 32 << 16}};
	uint32_t session = ask(netlink, &message, CREATE_SESSION, 0);
	int connection = connect_to(port);
	sigset_t end;
	int signal;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	// Session and connection stand first in each request; the connection's number is 0.
	message = (struct message){.event.request = {session}};
	ask(netlink, &message, CREATE_CONN, 0);
	message = (struct message){.event.request = {session, 0, connection, 0, 1}};
	check(ask(netlink, &message, BIND_CONN, 0) == 0, "bind");
	// From here on no process has it as a descriptor.
	close(connection);
	message = (struct message){.event.request = {session, 0, BHS_BYTES, sizeof(LOGIN_TEXT)}};
	message.pdu[0] = ISCSI_OP_LOGIN;
	message.pdu[7] = sizeof(LOGIN_TEXT);
	memcpy(message.pdu + BHS_BYTES, LOGIN_TEXT, sizeof(LOGIN_TEXT));
	check(ask(netlink, &message, SEND_PDU, BHS_BYTES + sizeof(LOGIN_TEXT)) == 0, "login");
	sigwait(&end, &signal);
	message = (struct message){.event.request = {session, 0, 0, 0, STOP_CONN_TERM}};
	ask(netlink, &message, STOP_CONN, 0);
	message = (struct message){.event.request = {session}};
	ask(netlink, &message, DESTROY_CONN, 0);
	message = (struct message){.event.request = {session}};
	ask(netlink, &message, DESTROY_SESSION, 0);
}
