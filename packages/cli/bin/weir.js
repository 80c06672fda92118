#!/bin/sh
':' // A shell reads the lines that start with ':', Node.js those that do not. Node.js forgets which signals were ignored.
':' //; while read -r key value; do [ "$key" = SigIgn: ] && break; done </proc/self/status
':' //; WEIR_IGNORED_SIGNALS=$value; export WEIR_IGNORED_SIGNALS; exec node "$0" "$@"
const own = { trace: 'trace-entry', top: 'top-entry' };
await import(`../dist/bundle/${Object.hasOwn(own, process.argv[2]) ? own[process.argv[2]] : 'entry-point'}.js`);
