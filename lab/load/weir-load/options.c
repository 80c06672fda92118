/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

static const char help[] =
    "Usage: weir-load SUBCOMMAND [OPTION]...\n"
    "Makes TCP connections and prints, as JSON lines, exactly what it did.\n"
    "\n"
    "  pairs           connections between a client and a server process, closed as --closer says\n"
    "  hold            the same, all opened first, closed when a second line arrives on standard input\n"
    "  refused         connects to a port that is bound but not listening\n"
    "  blackhole       concurrent connects to an address that never answers\n"
    "  unreachable     concurrent connects whose failure the caller has arranged by routes\n"
    "  blocked-accept  workers that are blocked in accept() before the start signal\n"
    "  churn           connect, accept, close as fast as possible\n"
    "  pass            sockets opened by one process and closed by another\n"
    "  transfer        one connection, over which bytes move by a chosen way\n"
    "  pingpong        one connection, --count times one byte there and one back\n"
    "  datagrams       --count UDP peers of one unconnected server, each with eight datagrams there and back\n"
    "\n"
    "All: --count N (1), --family 4|6|mapped (4), --address ADDRESS, --source ADDRESS, --port PORT,\n"
    "  --concurrency N (1), --no-wait (start at once, not at a line on standard input), --timeout SECONDS (120),\n"
    "  --comm HEX, --server-comm HEX (command names, as hexadecimal bytes)\n"
    "pairs, hold, pass: --send BYTES, --reply BYTES\n"
    "pairs, hold: --closer client|server|reset-client|reset-server|client-unread|server-unread|\n"
    "  half-client|half-server|simultaneous (hold: not the last three)\n"
    "refused, blackhole, unreachable: --blocking, --bind (so that the local port of a failed attempt is known),\n"
    "  --syn-count N, --user-timeout MILLISECONDS, --give-up MILLISECONDS (close attempts that are still open)\n"
    "blocked-accept: --workers threads|processes, --listener-each, --accepts N (a worker, 1)\n"
    "churn: --seconds S (instead of --count), --connections-per-second N,\n"
    "  --closer server|client|reset-client (server), --sources N (rotate over so many addresses of 127.0.0.0/8)\n"
    "pass: --how fork|scm, --side server|client\n"
    "transfer: --send BYTES, --reply BYTES, --way write|sendfile|splice|zerocopy|threads, --server-netns PATH,\n"
    "  --closer client|server|half-client|reset-client|reset-server, --stall (the server does not read)\n"
    "datagrams: --call sendto|sendmsg|sendmmsg (and what receives accordingly), --unconnected (the peers)\n";

enum {
  OPT_COUNT = 256, OPT_FAMILY, OPT_ADDRESS, OPT_SOURCE, OPT_PORT, OPT_CONCURRENCY, OPT_NO_WAIT, OPT_TIMEOUT, OPT_COMM,
  OPT_SERVER_COMM, OPT_SEND, OPT_REPLY, OPT_CLOSER, OPT_BLOCKING, OPT_BIND, OPT_SYN_COUNT, OPT_USER_TIMEOUT,
  OPT_GIVE_UP, OPT_WORKERS, OPT_LISTENER_EACH, OPT_ACCEPTS, OPT_SECONDS, OPT_RATE, OPT_SOURCES, OPT_HOW, OPT_SIDE,
  OPT_WAY, OPT_STALL, OPT_SERVER_NETNS, OPT_CALL, OPT_UNCONNECTED, OPT_HELP,
};

static const struct option long_options[] = {
    {"count", required_argument, NULL, OPT_COUNT},
    {"family", required_argument, NULL, OPT_FAMILY},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"source", required_argument, NULL, OPT_SOURCE},
    {"port", required_argument, NULL, OPT_PORT},
    {"concurrency", required_argument, NULL, OPT_CONCURRENCY},
    {"no-wait", no_argument, NULL, OPT_NO_WAIT},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"comm", required_argument, NULL, OPT_COMM},
    {"server-comm", required_argument, NULL, OPT_SERVER_COMM},
    {"send", required_argument, NULL, OPT_SEND},
    {"reply", required_argument, NULL, OPT_REPLY},
    {"closer", required_argument, NULL, OPT_CLOSER},
    {"blocking", no_argument, NULL, OPT_BLOCKING},
    {"bind", no_argument, NULL, OPT_BIND},
    {"syn-count", required_argument, NULL, OPT_SYN_COUNT},
    {"user-timeout", required_argument, NULL, OPT_USER_TIMEOUT},
    {"give-up", required_argument, NULL, OPT_GIVE_UP},
    {"workers", required_argument, NULL, OPT_WORKERS},
    {"listener-each", no_argument, NULL, OPT_LISTENER_EACH},
    {"accepts", required_argument, NULL, OPT_ACCEPTS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"connections-per-second", required_argument, NULL, OPT_RATE},
    {"sources", required_argument, NULL, OPT_SOURCES},
    {"how", required_argument, NULL, OPT_HOW},
    {"side", required_argument, NULL, OPT_SIDE},
    {"way", required_argument, NULL, OPT_WAY},
    {"stall", no_argument, NULL, OPT_STALL},
    {"server-netns", required_argument, NULL, OPT_SERVER_NETNS},
    {"call", required_argument, NULL, OPT_CALL},
    {"unconnected", no_argument, NULL, OPT_UNCONNECTED},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static uint32_t number(const char *name, const char *text, uint32_t minimum, uint32_t maximum) {
  char *end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < minimum || value > maximum)
    die("--%s: '%s' is not a number from %u to %u", name, text, minimum, maximum);
  return (uint32_t)value;
}

static double real(const char *name, const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !(value > 0)) die("--%s: '%s' is not a positive number", name, text);
  return value;
}

/** Index of a word in a NULL-terminated list. */
static int choice(const char *name, const char *text, const char *const *words) {
  for (int i = 0; words[i] != NULL; i++)
    if (strcmp(text, words[i]) == 0) return i;
  die("--%s: '%s' is not known", name, text);
}

static const char *hexadecimal(const char *name, const char *text) {
  size_t length = strlen(text) / 2;
  if (strlen(text) % 2 != 0 || length > 15) die("--%s: at most 15 bytes, two hexadecimal digits each", name);
  char *bytes = calloc(length + 1, 1);
  if (bytes == NULL) die("out of memory");
  for (size_t i = 0; i < length; i++) {
    char digits[3] = {text[2 * i], text[2 * i + 1], '\0'}, *end;
    bytes[i] = (char)strtoul(digits, &end, 16);
    if (end != digits + 2 || bytes[i] == '\0') die("--%s: '%s' is not a byte from 01 to ff", name, digits);
  }
  return bytes;
}

void parse_options(int argc, char **argv, struct options *options) {
  static const char *const families[] = {"4", "6", "mapped", NULL};
  static const char *const closers[] = {"client",        "server",      "reset-client", "reset-server", "client-unread",
                                        "server-unread", "half-client", "half-server",  "simultaneous", NULL};
  static const char *const worker_kinds[] = {"threads", "processes", NULL};
  static const char *const hows[] = {"fork", "scm", NULL};
  static const char *const calls[] = {"sendto", "sendmsg", "sendmmsg", NULL};
  static const char *const ways[] = {"write", "sendfile", "splice", "zerocopy", "threads", NULL};
  static const char *const sides[] = {"server", "client", NULL};

  *options = (struct options){.count = 1, .concurrency = 1, .wait = true, .timeout_s = 120, .accepts = 1};
  bool closer_given = false;
  int index = -1, opt;
  while ((opt = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
    const char *name = index >= 0 ? long_options[index].name : "";
    switch (opt) {
      case OPT_COUNT:
        options->count = number(name, optarg, 1, 100000000);
        options->count_given = true;
        break;
      case OPT_FAMILY: options->family = (enum family)choice(name, optarg, families); break;
      case OPT_ADDRESS: options->address = optarg; break;
      case OPT_SOURCE: options->source = optarg; break;
      case OPT_PORT: options->port = (uint16_t)number(name, optarg, 0, 65535); break;
      case OPT_CONCURRENCY: options->concurrency = number(name, optarg, 1, 4096); break;
      case OPT_NO_WAIT: options->wait = false; break;
      case OPT_TIMEOUT: options->timeout_s = number(name, optarg, 1, 86400); break;
      case OPT_COMM: options->comm = hexadecimal(name, optarg); break;
      case OPT_SERVER_COMM: options->server_comm = hexadecimal(name, optarg); break;
      case OPT_SEND: options->send = number(name, optarg, 0, UINT32_MAX); break;
      case OPT_REPLY: options->reply = number(name, optarg, 0, UINT32_MAX); break;
      case OPT_CLOSER:
        options->closer = (enum closer)choice(name, optarg, closers);
        closer_given = true;
        break;
      case OPT_BLOCKING: options->blocking = true; break;
      case OPT_BIND: options->bind = true; break;
      case OPT_SYN_COUNT: options->syn_count = number(name, optarg, 1, 127); break;
      case OPT_USER_TIMEOUT: options->user_timeout_ms = number(name, optarg, 1, 3600000); break;
      case OPT_GIVE_UP: options->give_up_ms = number(name, optarg, 1, 3600000); break;
      case OPT_WORKERS: options->workers = (enum workers)choice(name, optarg, worker_kinds); break;
      case OPT_LISTENER_EACH: options->listener_each = true; break;
      case OPT_ACCEPTS: options->accepts = number(name, optarg, 1, 100000); break;
      case OPT_SECONDS: options->seconds = real(name, optarg); break;
      case OPT_RATE: options->rate = real(name, optarg); break;
      case OPT_SOURCES: options->sources = number(name, optarg, 1, 60000); break;
      case OPT_HOW: options->how = (enum pass_how)choice(name, optarg, hows); break;
      case OPT_SIDE: options->pass_client = choice(name, optarg, sides) == 1; break;
      case OPT_WAY: options->way = (enum way)choice(name, optarg, ways); break;
      case OPT_STALL: options->stall = true; break;
      case OPT_SERVER_NETNS: options->server_netns = optarg; break;
      case OPT_CALL: options->call = (enum call)choice(name, optarg, calls); break;
      case OPT_UNCONNECTED: options->unconnected = true; break;
      case OPT_HELP:
      case 'h': fputs(help, stdout); exit(0);
      default: exit(2);
    }
    index = -1;
  }
  if (optind != argc - 1) {
    fputs(help, stderr);
    exit(2);
  }
  options->subcommand = argv[optind];
  if (!closer_given && strcmp(options->subcommand, "churn") == 0) options->closer = CLOSER_SERVER;
  options->closer_name = closers[options->closer];
  if (options->server_comm == NULL) options->server_comm = options->comm;
}
