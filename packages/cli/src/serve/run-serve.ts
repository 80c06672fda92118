/** `weir serve`: the collector's process, and with `--server` the server's. */
import { Socket } from 'node:net';
import { OptionError } from '@weir/ebpf';
import { collect, runServer as serve } from '@weir/server/serve';
import { FilterError } from '@weir/tracer/filter';
import { requestedTypes } from '../btf-file.js';
import { ExitCode, UsageError } from '../failure.js';
import type { RunHost } from '../run-host.js';
import { escapeText } from '../text/escape.js';
import { Interruption } from '../trace/interruption.js';
import { announceReady } from '../trace/ready.js';
import { packageVersion } from '../version.js';
import type { ServeFlags } from './serve-command.js';
import { serveConfig } from './serve-settings.js';

/** Runs the process that the flags ask for. */
export async function runServe(flags: ServeFlags, host: RunHost): Promise<ExitCode> {
  return flags.server ? runServer(host) : runCollector(flags, host);
}

/**
 * Remembers until a signal ends it.
 *
 * @throws UsageError for options that make no sense; the errors of the tracer and of the history
 */
async function runCollector(flags: ServeFlags, host: RunHost): Promise<ExitCode> {
  const tracing = await host.loadTracer();
  const btf = await requestedTypes(flags.btf, tracing);
  const config = serveConfig(flags);
  const say = (line: string) => host.stderr.write(`weir: ${escapeText(line)}\n`);
  let end: () => void = () => undefined;
  const signalled = new Promise<void>((resolve) => {
    end = resolve;
  });
  using _interruption = new Interruption(host.signals, end, (code) => host.exit(code));
  let isReady = false;
  await explained(
    collect(
      {
        config,
        version: packageVersion(),
        serverCommand: [process.execPath, ...process.execArgv, process.argv[1]!, 'serve', '--server'],
        tracer: {
          ...(flags.netns !== undefined && { filter: { netns: flags.netns } }),
          ...(flags.ringSize !== undefined && { ringBytes: flags.ringSize }),
          ...(btf !== undefined && { btf }),
        },
        ...(flags.sweep !== undefined && { sweepMs: flags.sweep }),
      },
      {
        start: (options) => tracing.start(options),
        // The server is started again when it dies, as a user of its own, and killed when it hangs.
        dropPrivileges: () =>
          tracing.dropPrivileges({ alsoKeep: ['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'], otherThreads: false }),
        say,
        signalled,
        onReady: () => {
          if (isReady) return;
          isReady = true;
          say(`remembers connections in ${config.folder}; Ctrl-C ends`);
          if (flags.readyFd !== undefined) announceReady(flags.readyFd);
        },
      },
    ),
  );
  return ExitCode.ok;
}

/** Runs as the server of a collector. Ctrl-C in a terminal reaches it, too; the collector then ends it in order. */
async function runServer(host: RunHost): Promise<ExitCode> {
  const say = (line: string) => host.stderr.write(`weir: server: ${escapeText(line)}\n`);
  let end: () => void = () => undefined;
  const signalled = new Promise<void>((resolve) => {
    end = resolve;
  });
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => end());
  await explained(serve({ input: new Socket({ fd: 0 }), say, signalled }));
  return ExitCode.ok;
}

async function explained(promise: Promise<void>): Promise<void> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof OptionError || error instanceof FilterError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
