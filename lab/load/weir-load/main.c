/* SPDX-License-Identifier: Apache-2.0 */
/* weir-load: makes TCP connections and UDP flows, and reports exactly what it did. See README.md. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"
#include "run.h"

static const struct {
  const char *name;
  void (*run)(const struct options *options);
} commands[] = {
    {"pairs", run_pairs},
    {"hold", run_hold},
    {"refused", run_refused},
    {"blackhole", run_blackhole},
    {"unreachable", run_unreachable},
    {"blocked-accept", run_blocked_accept},
    {"churn", run_churn},
    {"pass", run_pass},
    {"transfer", run_transfer},
    {"pingpong", run_pingpong},
    {"datagrams", run_datagrams},
};

int main(int argc, char **argv) {
  struct options options;
  parse_options(argc, argv, &options);
  /* A load that hangs ends by SIGALRM; its children go with it. */
  alarm(options.timeout_s);
  if (options.comm != NULL) set_comm(options.comm);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(commands[i].name, options.subcommand) != 0) continue;
    commands[i].run(&options);
    fflush(stdout);
    return 0;
  }
  die("'%s' is not a subcommand; see weir-load --help", options.subcommand);
}
