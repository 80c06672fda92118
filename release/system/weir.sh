#!/bin/sh
# Signals that are ignored here are not for a program that starts at once, as Node.js sets them to their defaults.
while read -r key value; do [ "$key" = SigIgn: ] && break; done </proc/self/status
WEIR_IGNORED_SIGNALS=$value
export WEIR_IGNORED_SIGNALS
exec /usr/lib/weir/weir "$@"
