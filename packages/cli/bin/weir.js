#!/bin/sh
':' // A shell reads the lines that start with ':', Node.js those that do not. Node.js forgets which signals were ignored.
':' //; while read -r key value; do [ "$key" = SigIgn: ] && break; done </proc/self/status
':' //; WEIR_IGNORED_SIGNALS=$value; export WEIR_IGNORED_SIGNALS; exec node "$0" "$@"
require('./ignored-hangup.js').keepIgnored();
require('./untouched-stderr.js');
const [, , command, ...rest] = process.argv;
// A time in the past needs no tracer, but a history.
const isPast = command === 'top' && rest.some((argument) => /^--at(=|$)/.test(argument));
// Files with names of networks need code of the server.
const hasNetworks = command === 'trace' && rest.some((argument) => /^--(networks|geo)(=|$)/.test(argument));
const own = { trace: 'trace-entry', top: 'top-entry' };
if (Object.hasOwn(own, command) && !isPast && !hasNetworks) require('./compiled-bundle.js').runBundle(own[command]);
else import('../dist/bundle/entry-point.js');
