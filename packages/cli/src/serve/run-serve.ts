/** `weir serve`: the collector's process, and with `--server` the server's. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '@weir/ebpf/errors';
import { giveBackLargeBlocks, isWritable, refuseNewPrivileges } from '@weir/ebpf/sys';
import { parseTarget } from '@weir/history/clickhouse/target';
import { parseServeConfig, type ServeConfig } from '@weir/server/config';
import {
  collect,
  inheritedSockets,
  listenVariables,
  readAddresses,
  runReadServer,
  type ServiceEnvironment,
  ServiceNotifier,
  servePaths,
  storedDescriptors,
} from '@weir/server/serve';
import { requestedTypes } from '../btf-file.js';
import { ExitCode, FileProblems } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { escapeText } from '../text/escape.js';
import { giveBackCodeSoon, inlineAsUsual, inlineLess } from '../trace/give-back.js';
import { Interruption } from '../trace/interruption.js';
import { announceReady } from '../trace/ready.js';
import { packageVersion } from '../version.js';
import { HangUp } from './hang-up.js';
import { runServer } from './run-server.js';
import type { ServeFlags, ServeRequest } from './serve-command.js';
import { endWithoutReader, explained, pageFolder } from './serve-process.js';
import { serveConfig } from './serve-settings.js';

/** Runs the process that the command line asks for, or changes tokens. */
export async function runServe(request: ServeRequest, host: RunHost, stdout: Output): Promise<ExitCode> {
  if (request.command !== 'run') {
    // It brings all of the server with it.
    const { runToken } = await import('./run-token.js');
    return runToken(request, host, stdout);
  }
  const { flags } = request;
  try {
    if (flags.server) return await runServer(host, stdout);
    const config = serveConfig(flags);
    const { read } = config;
    return await (read === undefined
      ? runCollector(flags, host)
      : runReading(flags, { ...config, read }, host));
  } finally {
    if (host.ownsProcess) endWithoutReader(host);
  }
}

/**
 * Remembers until a signal ends it.
 *
 * @throws UsageError for options that make no sense; the errors of the tracer and of the history
 */
async function runCollector(flags: ServeFlags, host: RunHost): Promise<ExitCode> {
  if (host.ownsProcess) inlineLess();
  const tracing = await host.loadTracer();
  host.avoidWaiting?.(isWritable);
  if (host.ownsProcess) {
    // All threads of the server inherit it.
    refuseNewPrivileges();
    // Batches are such blocks: while the server is slow, many wait.
    giveBackLargeBlocks();
  }
  const btf = await requestedTypes(flags.btf, tracing);
  const config = serveConfig(flags);
  // Before folders are made for it: a refusal of those would not be what is in the way.
  tracing.assertPrivileges();
  const say = (line: string) => host.stderr.write(`weir: ${escapeText(line)}\n`);
  const manager = takeEnvironment(process.env);
  const inherited = inheritedSockets(manager, process.pid).map(({ fd }) => fd);
  using notifier = new ServiceNotifier(manager, say);
  let end: () => void = () => undefined;
  const signalled = new Promise<void>((resolve) => {
    end = resolve;
  });
  void signalled.then(() => notifier.stopping());
  using _interruption = new Interruption(host.signals, end, (code) => host.exit(code), ['SIGINT', 'SIGTERM']);
  using hangup = new HangUp(host.signals, end);
  let isReady = false;
  await explained(
    collect(
      {
        config,
        version: packageVersion(),
        serverCommand: [process.execPath, ...process.execArgv, process.argv[1]!, 'serve', '--server'],
        ...(inherited.length > 0 && { inherited }),
        stored: storedDescriptors(manager, process.pid),
        tracer: {
          ...(flags.netns !== undefined && { filter: { netns: flags.netns } }),
          ...(flags.ringSize !== undefined && { ringBytes: flags.ringSize }),
          ...(btf !== undefined && { btf }),
        },
        ...(flags.sweep !== undefined && { sweepMs: flags.sweep }),
      },
      {
        start: (options) => tracing.start(options),
        ...(tracing.resume !== undefined && { resume: tracing.resume }),
        // The server is started again when it dies, as a user of its own, and killed when it hangs.
        dropPrivileges: () =>
          tracing.dropPrivileges({ alsoKeep: ['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'], otherThreads: false }),
        onHeld: (fd) => notifier.store(fd),
        say,
        signalled,
        onStarted: (reload) => {
          hangup.onReload = () =>
            reloadWith(flags, reload, { notifier, status: statusOf(config.folder) }, say);
        },
        onWaiting: () => notifier.status('waits for its server; what is collected meanwhile is kept'),
        onReady: () => {
          notifier.ready(statusOf(config.folder));
          if (isReady) return;
          isReady = true;
          if (host.ownsProcess) {
            inlineAsUsual();
            giveBackCode();
          }
          notifier.startWatchdog(manager, () => true);
          say(`remembers connections in ${config.folder}; Ctrl-C ends`);
          if (flags.readyFd !== undefined) announceReady(flags.readyFd);
        },
      },
    ),
  );
  return ExitCode.ok;
}

/** Answers about the histories of many hosts until a signal ends it. */
async function runReading(flags: ServeFlags, config: ReadConfig, host: RunHost): Promise<ExitCode> {
  host.avoidWaiting?.(isWritable);
  if (host.ownsProcess) refuseNewPrivileges();
  const say = (line: string) => host.stderr.write(`weir: ${escapeText(line)}\n`);
  const manager = takeEnvironment(process.env);
  const inherited = inheritedSockets(manager, process.pid).map(({ fd }) => fd);
  using notifier = new ServiceNotifier(manager, say);
  let end: () => void = () => undefined;
  const signalled = new Promise<void>((resolve) => {
    end = resolve;
  });
  void signalled.then(() => notifier.stopping());
  using _interruption = new Interruption(host.signals, end, (code) => host.exit(code), ['SIGINT', 'SIGTERM']);
  using hangup = new HangUp(host.signals, end);
  const target = parseTarget(config.read.url).shown;
  const request = {
    config: { ...config, folder: readingFolder(config.folder) },
    version: packageVersion(),
    ...(inherited.length > 0 && { inherited }),
    pageFolder: pageFolder(),
  };
  await explained(
    runReadServer(request, {
      say,
      signalled,
      onStarted: (reload) => {
        const next = async (config: ServeConfig) => reload({ ...config, folder: request.config.folder });
        hangup.onReload = () => reloadWith(flags, next, { notifier, status: `reads ${target}` }, say);
      },
      onReady: () => {
        notifier.ready(`reads ${target}`);
        notifier.startWatchdog(manager, () => true);
        say(`reads ${target}; Ctrl-C ends`);
        if (flags.readyFd !== undefined) announceReady(flags.readyFd);
      },
    }),
    [FormatError],
  );
  return ExitCode.ok;
}

type ReadConfig = ServeConfig & { readonly read: NonNullable<ServeConfig['read']> };

/** Who is not root, and has named no folder, has one for tokens and for what is imported. */
function readingFolder(folder: string): string {
  if (process.geteuid?.() === 0 || folder !== parseServeConfig('').folder) return folder;
  const { STATE_DIRECTORY, XDG_STATE_HOME } = process.env;
  return STATE_DIRECTORY?.split(':')[0] || join(XDG_STATE_HOME || join(homedir(), '.local/state'), 'weir');
}

/** By then, V8 has optimized what handles events. */
const WARM_MS = 30_000;

/** Gives back the memory of code that the start needs, and of the compiler's, which runs while events are new. */
function giveBackCode(): void {
  giveBackCodeSoon();
  setTimeout(giveBackCodeSoon, WARM_MS).unref();
}

/** What the service manager says to this process, and not to the server that it starts. */
function takeEnvironment(environment: NodeJS.ProcessEnv): ServiceEnvironment {
  const names = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', ...listenVariables];
  const own = Object.fromEntries(names.map((name) => [name, environment[name]]));
  for (const name of names) delete environment[name];
  return own;
}

function statusOf(folder: string): string {
  const urls = readAddresses(servePaths(folder).addresses);
  return `remembers connections in ${folder}${urls.length === 0 ? '' : `; answers at ${urls.join(', ')}`}`;
}

/** Uses the configuration as it is now. Where it makes no sense, that is said, and the earlier one stays. */
async function reloadWith(
  flags: ServeFlags,
  reload: (config: ServeConfig) => Promise<void>,
  { notifier, status }: { readonly notifier: ServiceNotifier; readonly status: string },
  say: (line: string) => void,
): Promise<void> {
  notifier.reloading();
  try {
    await reload(serveConfig(flags));
    say('the configuration was read again');
  } catch (error) {
    const lines = error instanceof FileProblems ? error.lines : [(error as Error).message];
    for (const line of lines) say(line);
    say('the earlier configuration stays');
  }
  notifier.ready(status);
}
