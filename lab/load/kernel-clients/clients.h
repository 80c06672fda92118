#pragma once

/* Ends the process with the error of the last system call, unless `is_so`. */
void check(int is_so, const char *what);
/* A connection to 127.0.0.1:PORT. */
int connect_to(int port);
/* A socket for requests to the iSCSI initiator: it exists in the initial network namespace alone. */
int open_initiator(void);
/* Hands a connection to the initiator, has it send a PDU for login, and ends its session at SIGTERM. */
void run_session(int initiator, int port);
