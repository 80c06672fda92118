/** Runs `weir trace` with the flags of its command line. */
import { isWritable } from '@weir/ebpf/sys';
import { requestedTypes } from '../btf-file.js';
import type { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { paintFor } from '../text/colour.js';
import { startEnrichment } from './enrich-records.js';
import { recordFilter } from './filter-records.js';
import { type TraceFlags, traceFormat, tracerOptions, watchedPids } from './trace-flags.js';
import { runSession } from './trace-session.js';

export async function runTrace(flags: TraceFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  host.avoidWaiting?.(isWritable);
  const tracing = await host.loadTracer();
  const filter = recordFilter(flags);
  using enriching = await startEnrichment(flags);
  if (enriching?.problem !== undefined) host.stderr.write(`weir: ${enriching.problem}\n`);
  const format = traceFormat(flags);
  const request = {
    options: tracerOptions(flags, await requestedTypes(flags.btf, tracing)),
    enricher: enriching?.enricher,
    filter,
    format,
    watchFds: watchedPids(flags),
    paint: paintFor(flags.color, host.stdout.isTTY === true, host.env),
    wide: flags.wide,
    // Scripts that read the form `tcptracer` expect no summary.
    summary: flags.summary ?? (format === 'tcptracer' ? false : undefined),
    verbose: flags.verbose,
    debug: flags.debug,
    durationMs: flags.duration,
    count: flags.count,
    readyFd: flags.readyFd,
  };
  return await runSession(request, tracing, {
    stdout,
    stderr: host.stderr,
    signals: host.signals,
    exit: host.exit,
  });
}
