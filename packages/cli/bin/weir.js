#!/bin/sh
':' // A shell reads the lines that start with ':', Node.js those that do not. Node.js forgets which signals were ignored.
':' //; while read -r key value; do [ "$key" = SigIgn: ] && break; done </proc/self/status
':' //; WEIR_IGNORED_SIGNALS=$value; export WEIR_IGNORED_SIGNALS; exec node "$0" "$@"
require('./ignored-hangup.js').keepIgnored();
require('./untouched-stderr.js');
const [, , command, ...rest] = process.argv;
// Else V8 makes room for 16 MB of new objects, twice, while the program is loaded. It then looks among them so seldom that buffers no longer
// count as new by the time they are garbage, and only a look at all memory frees those. In one MB there is too little to look at for
// several threads: to wake them costs more than they do.
const serveFlags = ['--semi-space-growth-factor=1', '--no-parallel-scavenge'];
// A time in the past needs no tracer, but a history.
const isPast = command === 'top' && rest.some((argument) => /^--at(=|$)/.test(argument));
// Files with names of networks need code of the server.
const hasNetworks = command === 'trace' && rest.some((argument) => /^--(networks|geo)(=|$)/.test(argument));
const own = { trace: 'trace-entry', top: 'top-entry' };
// A collector starts its server so.
const isServer = command === 'serve' && rest.length === 1 && rest[0] === '--server';
if (command === 'serve' && !isServer) for (const flag of serveFlags) require('node:v8').setFlagsFromString(flag);
if (isServer) require('./compiled-bundle.js').runBundle('server-entry', serveFlags);
else if (Object.hasOwn(own, command) && !isPast && !hasNetworks) require('./compiled-bundle.js').runBundle(own[command]);
else import('../dist/bundle/entry-point.js');
