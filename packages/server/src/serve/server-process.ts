/** The server's process: takes its settings from the collector, gives its privileges up, and runs. */
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { limitMemory } from '@weir/ebpf/sys';
import { readPage } from '../page/read-page.js';
import { publishAddresses } from './addresses.js';
import { type ControlInput, REFUSED, RELOADED, readControl } from './control-input.js';
import { announceServer, endEarlierServer } from './earlier-server.js';
import { servePaths } from './paths.js';
import { becomeUser } from './service-user.js';
import type { ServerSettings } from './settings.js';
import type { WeirServer } from './weir-server.js';

/** The surroundings of the server. */
export interface ServerHost {
  /** Standard input, where the collector writes the settings. */
  readonly input: Readable;
  /** Answers the collector, with a line. */
  readonly answer: (line: string) => void;
  /** Prints a line for whoever runs the service. */
  readonly say: (line: string) => void;
  /** Resolves when a signal asks the process to end. */
  readonly signalled: Promise<unknown>;
  /** The folder of the page's files. Default: there is only the API. */
  readonly pageFolder?: string;
}

/** The time that a collector has to end after a signal to the server. */
const SIGNAL_MS = 15_000;
/** A server whose collector has died, and that no other is connected to, ends after this time. */
const ALONE_MS = 60_000;
const STEP_MS = 1_000;
/** The end of standard input is seen in so many turns of the event loop, if it is there: one for what is before it, and a few to spare. */
const ORPHAN_TURNS = 8;
/**
 * Memory that the server may write to. DuckDB does not count all that it uses: with this, a question that wants more fails, instead of
 * the host's memory coming to an end.
 */
const MOST_BYTES = 2 * 2 ** 30;

/**
 * Runs until the collector asks for the end, a signal does, or no collector has come back for a minute.
 *
 * @throws OptionError, HistoryError, Error of the system
 */
export async function runServer(host: ServerHost): Promise<void> {
  try {
    await run(host);
  } finally {
    // What is open there keeps the process alive.
    host.input.destroy();
  }
}

async function run({ input, answer, say, signalled, pageFolder }: ServerHost): Promise<void> {
  // Loaded here, as the collector, which has the same program, needs neither the database nor the API. The settings come later.
  const loading = import('./weir-server.js');
  loading.catch(() => {});
  // Before it becomes a user who may not read them.
  const reading = pageFolder === undefined ? undefined : readPage(pageFolder, say);
  const control = await readControl(input);
  const { settings, keeps } = control;
  if (settings === undefined) return hold(signalled);
  const { WeirServer, loadOptionalParts } = await loading;
  const { config, user, version, inherited } = settings;
  const paths = servePaths(config.folder);
  const page = await reading;
  await loadOptionalParts(config);
  process.umask(0o077);
  if (user !== undefined) becomeUser(user);
  limitMemory(MOST_BYTES);
  // Else it would end the server of the next collector.
  if (await isOrphaned(control)) {
    if (keeps) await hold(signalled);
    return;
  }
  await endEarlierServer(paths, process.geteuid?.() ?? 0);
  // Before it has the socket, so that the next collector knows whom to end.
  using _announced = announceServer(paths);
  await using server = await WeirServer.start({
    config: { ...config, folder: paths.server },
    version,
    ingest: paths.socket,
    // Its folder gives it the collector's group.
    ingestMode: 0o660,
    localSocket: paths.api,
    ...(inherited !== undefined && { inherited }),
    ...(page !== undefined && { page }),
    publish: (urls) => publishAddresses(paths, urls),
    onProblem: say,
    // What is acknowledged is on the disk, and the collector starts another.
    onStuck: () => {
      say('a question goes on long after it was ended: the server is started again');
      process.kill(process.pid, 'SIGKILL');
    },
  });
  for (const url of server.urls) say(`answers at ${url}`);
  const reload = async (settings: ServerSettings) => {
    try {
      const left = await server.reload({ ...settings.config, folder: paths.server });
      if (left.length > 0) say(`${left.join(', ')}: only a restart of weir serve changes that`);
      answer(RELOADED);
    } catch (error) {
      answer(REFUSED + (error as Error).message.replaceAll('\n', ' '));
    }
  };
  // One after the other, as each has an answer.
  let reloads = Promise.resolve();
  control.onReload = (settings) => {
    reloads = reloads.then(() => reload(settings));
  };
  // The collector gets the same signal from a service manager, and hands over what it has.
  const lastBatches = () =>
    Promise.race([control.stopped, control.orphaned, wait(SIGNAL_MS, undefined, { ref: false })]);
  await Promise.race([
    control.stopped,
    signalled.then(lastBatches),
    control.orphaned.then(() => untilAlone(server)),
  ]);
}

/** Without a collector it is no server, but holds what the next one needs. */
async function hold(signalled: Promise<unknown>): Promise<void> {
  const end = new AbortController();
  const alone = wait(ALONE_MS, undefined, { signal: end.signal }).catch(() => undefined);
  await Promise.race([signalled, alone]);
  end.abort();
}

/** Whether the collector has died already. */
async function isOrphaned({ orphaned }: ControlInput): Promise<boolean> {
  let isIt = false;
  void orphaned.then(() => {
    isIt = true;
  });
  for (let turn = 0; turn < ORPHAN_TURNS && !isIt; turn++) await nextTurn();
  return isIt;
}

async function untilAlone(server: WeirServer): Promise<void> {
  // A server that has ended for another reason is not waited for.
  while (server.idleMs < ALONE_MS) await wait(STEP_MS, undefined, { ref: false });
}
