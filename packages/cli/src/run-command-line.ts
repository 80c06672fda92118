/** Parses the command line, runs the command, and returns its exit status. Each command loads only what it needs. */

import { escapeJson } from '@weir/tracer/escape';
import type { Command } from './commander.js';
import type { DoctorFlags } from './doctor/doctor-command.js';
import { describeFailure, ExitCode } from './failure.js';
import { Output } from './output/output.js';
import { createProgram } from './program.js';
import type { RunHost } from './run-host.js';
import { useAscii, wantsAscii } from './text/charset.js';
import { paintFor } from './text/colour.js';
import type { TopFlags } from './top/top-flags.js';
import type { TraceFlags } from './trace/trace-flags.js';
import type { TracerFactory } from './tracing.js';

/** Columns of help that does not go to a terminal. */
const DEFAULT_WIDTH = 80;

/** Runs `weir` with these arguments (without `node` and the script) and returns the exit status. */
export async function runCommandLine(args: readonly string[], host: RunHost): Promise<number> {
  useAscii(wantsAscii(host.env));
  const stdout = new Output(host.stdout);
  let exitCode: number = ExitCode.ok;
  let help = '';
  const program = createProgram(
    {
      trace: async (flags) => {
        exitCode = await trace(flags, host, stdout);
      },
      top: async (flags) => {
        exitCode = await top(flags, host, stdout);
      },
      doctor: async (flags) => {
        exitCode = await doctor(flags, host, stdout);
      },
      balance: async (request) => {
        const { runBalanceRequest } = await import('./balance/run-request.js');
        exitCode = await runBalanceRequest(request, host, stdout);
      },
      completion: async (shell) => {
        const { completionScript } = await import('./completion/script.js');
        await stdout.writeData(completionScript(shell, program));
      },
    },
    {
      writeOut: (text) => {
        help += text;
      },
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns ?? DEFAULT_WIDTH,
      getErrHelpWidth: () => host.stderr.columns ?? DEFAULT_WIDTH,
    },
  );
  const fail = (error: unknown) => {
    const failure = describeFailure(error, commandName(program, args), args.includes('--debug'));
    host.stderr.write(failure.text);
    exitCode = failure.exitCode;
  };
  await program.parseAsync(args, { from: 'user' }).catch(fail);
  await stdout.write(help).catch(fail);
  return exitCode;
}

/** The full name of the command that the arguments mean: `weir balance check`. */
function commandName(command: Command, args: readonly string[]): string {
  const child = command.commands.find((candidate) => args.includes(candidate.name()));
  return child === undefined ? command.name() : `${command.name()} ${commandName(child, args)}`;
}

async function trace(flags: TraceFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const [tracing, { runSession }, { traceFormat, tracerOptions, watchedPids }, enrichment] =
    await Promise.all([
      host.loadTracer(),
      import('./trace/trace-session.js'),
      import('./trace/trace-flags.js'),
      flags.enrich || flags.resolve ? import('./trace/enrich-records.js') : undefined,
      host.avoidWaiting?.(),
    ]);
  using enriching = enrichment?.startEnrichment(flags);
  if (enriching?.problem !== undefined) host.stderr.write(`weir: ${enriching.problem}\n`);
  const format = traceFormat(flags);
  const request = {
    options: tracerOptions(flags, await types(flags, tracing)),
    enricher: enriching?.enricher,
    format,
    watchFds: watchedPids(flags),
    paint: paintFor(flags.color, host.stdout.isTTY === true, host.env),
    wide: flags.wide,
    // Scripts that read the form `tcptracer` expect no summary.
    summary: flags.summary ?? (format === 'tcptracer' ? false : undefined),
    verbose: flags.verbose,
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

/** Whether flags ask for printed output even on a terminal. */
const isPrinted = ({ once, count, json }: TopFlags) => once || json || count !== undefined;

async function top(flags: TopFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const [tracing, { runTop }, { topRequest }] = await Promise.all([
    host.loadTracer(),
    import('./top/top-session.js'),
    import('./top/top-flags.js'),
    host.avoidWaiting?.(),
  ]);
  const paint = paintFor(flags.color, host.stdout.isTTY === true, host.env);
  // A terminal may not know its size.
  const width = host.stdout.isTTY ? host.stdout.columns : undefined;
  const request = topRequest(flags, paint, width, await types(flags, tracing));
  return runTop(request, tracing, {
    stdout,
    terminal: isPrinted(flags) ? undefined : host.terminal?.(),
    signals: host.signals,
    exit: host.exit,
  });
}

async function doctor(flags: DoctorFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const [tracing, { formatReport }, { balancerSupport }] = await Promise.all([
    host.loadTracer(),
    import('./doctor/report.js'),
    import('@weir/balancer'),
  ]);
  const btf = await types(flags, tracing);
  const report = tracing.inspect({
    ...(btf !== undefined && { btf }),
    ...(flags.btf !== undefined && btf !== 'discover' && { btfPath: flags.btf }),
    ...(flags.offsets && { offsets: true }),
  });
  const paint = paintFor(flags.color, host.stdout.isTTY === true, host.env);
  const balancer = balancerSupport();
  if (flags.json) await stdout.writeData(`${escapeJson(JSON.stringify({ ...report, balancer }, null, 2))}\n`);
  else await stdout.write(formatReport(report, paint, balancer));
  return report.ok ? ExitCode.ok : ExitCode.failed;
}

/** The kernel's types that `--btf` asks for; undefined: the best that this host has. */
async function types(flags: { readonly btf?: string }, tracing: TracerFactory) {
  if (flags.btf === undefined || flags.btf === 'discover') return flags.btf;
  const { readBtf } = await import('./btf-file.js');
  return readBtf(flags.btf, tracing);
}
