/** Runs `weir top` with the flags of its command line. */
import { isWritable } from '@weir/ebpf/sys';
import { requestedTypes } from '../btf-file.js';
import { type ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { paintFor } from '../text/colour.js';
import { isPrinted, type TopFlags, topRequest } from './top-flags.js';
import { runTopSession } from './top-session.js';

export async function runTop(flags: TopFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  for (const name of ['folder', 'url', 'token', 'cacert'] as const)
    if (flags[name] !== undefined) throw new UsageError(`--${name} says where --at looks: give a time, too`);
  host.avoidWaiting?.(isWritable);
  const tracing = await host.loadTracer();
  const paint = paintFor(flags.color, host.stdout.isTTY === true, host.env);
  // A terminal may not know its size.
  const width = host.stdout.isTTY ? host.stdout.columns : undefined;
  const request = topRequest(flags, paint, width, await requestedTypes(flags.btf, tracing));
  return runTopSession(request, tracing, {
    stdout,
    terminal: isPrinted(flags) ? undefined : host.terminal?.(),
    signals: host.signals,
    exit: host.exit,
  });
}
