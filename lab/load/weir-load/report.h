/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the JSON lines that report what was done. */
#ifndef WEIR_LOAD_REPORT_H
#define WEIR_LOAD_REPORT_H

#include <stdint.h>

#include "net.h"

/** `"NAME":{"pid":…,"tid":…,"address":…,"port":…}`; what is unknown is left out. */
void print_endpoint(const char *name, const struct endpoint *endpoint);

/** `,"NAME":"ECONNRESET"`, or nothing where error is 0. */
void print_error(const char *name, int error);

/** `,"NAME":VALUE`, or nothing where the value is 0. */
void print_time(const char *name, uint64_t nanoseconds);

#endif
