/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void print_endpoint(const char *name, const struct endpoint *endpoint) {
  char text[INET6_ADDRSTRLEN];
  const char *separator = "";
  printf("\"%s\":{", name);
  if (endpoint->pid != 0) {
    printf("\"pid\":%d,\"tid\":%d", endpoint->pid, endpoint->tid);
    separator = ",";
  }
  if (endpoint->address.generic.sa_family != 0) {
    format_address(&endpoint->address, text);
    printf("%s\"address\":\"%s\",\"port\":%u", separator, text, address_port(&endpoint->address));
  }
  putchar('}');
}

void print_error(const char *name, int error) {
  if (error != 0) printf(",\"%s\":\"%s\"", name, strerrorname_np(error));
}

void print_time(const char *name, uint64_t nanoseconds) {
  if (nanoseconds != 0) printf(",\"%s\":%" PRIu64, name, nanoseconds);
}
