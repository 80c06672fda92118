/** The collector's process: traces, and hands rows to the server, which it keeps running. */
import { OptionError } from '@weir/ebpf/errors';
import { DescriptorQueue, monotonicNs, realtimeOffsetNs } from '@weir/ebpf/sys';
import { SCHEMA_VERSION } from '@weir/history/schema';
import type { TracerApi, TracerOptions } from '@weir/tracer';
import { BalancerWatch, LOOK_MS } from '../balancer/balancer-watch.js';
import { Collector } from '../collector/collector.js';
import { viewOf } from '../collector/collector-view.js';
import { HostDetails } from '../collector/host-details.js';
import { readHostRow } from '../collector/host-row.js';
import { wantsOf } from '../collector/wants.js';
import type { ServeConfig } from '../config/serve-schema.js';
import type { Resumable, ResumeTracer } from '../handover/handover.js';
import { OpenFiles } from '../handover/open-files.js';
import { beginRun, epochOf, newEpoch, resumedRun, sendKept } from '../handover/runs.js';
import { type ConnectionState, IngestClient } from '../ingest/ingest-client.js';
import { PROTOCOLS } from '../wire/versions.js';
import { findEarlierRun } from './earlier-run.js';
import { endServer } from './earlier-server.js';
import { servePaths } from './paths.js';
import { claimFolder, prepareFolder } from './prepare-folder.js';
import { ServerChild } from './server-child.js';
import { serviceUser } from './service-user.js';

/** How to collect. */
export interface CollectRequest {
  readonly config: ServeConfig;
  /** Version of Weir. */
  readonly version: string;
  /** Runs the server: a program and its arguments. It reads its settings from standard input. */
  readonly serverCommand: readonly [program: string, ...args: string[]];
  /** What the tracer is given besides the configuration. */
  readonly tracer?: TracerOptions;
  /** Descriptors of sockets that listen already, from 3 on, instead of the configuration's addresses. */
  readonly inherited?: readonly number[];
  /** Descriptors of this process that {@link CollectHost.onHeld} was given in an earlier one. */
  readonly stored?: readonly number[];
  /** Interval between looks at live connections, milliseconds. Default one minute. */
  readonly sweepMs?: number;
}

/** The surroundings of the collector. */
export interface CollectHost {
  /** Starts the tracer. One that can be resumed outlives a collector that is killed. */
  start(options: TracerOptions): TracerApi & Partial<Resumable>;
  /** Goes on with a tracer of a collector that was killed. Absent where that is not wanted. */
  resume?: ResumeTracer;
  /**
   * Given a descriptor that the next process is to have as {@link CollectRequest.stored}, should this one be killed, for where its server
   * is killed, too; undefined: none.
   */
  readonly onHeld?: (fd: number | undefined) => void;
  /** Gives up what a running collector does not need. @returns why that failed, or undefined. */
  dropPrivileges(): string | undefined;
  /** Prints a line for whoever runs the service. */
  readonly say: (line: string) => void;
  /** Called once it collects and the server takes batches. */
  readonly onReady: () => void;
  /** Called when the server is not there; {@link CollectHost.onReady} follows when it is again. */
  readonly onWaiting?: () => void;
  /** Given what makes the service use another configuration, as far as it can while it runs; it throws OptionError. */
  readonly onStarted?: (reload: (config: ServeConfig) => Promise<void>) => void;
  /** Resolves when the service is to end. */
  readonly signalled: Promise<unknown>;
}

const SPOOL_BYTES = 256 * 1024 * 1024;
const SPOOL_FILE_BYTES = 8 * 1024 * 1024;
/** The time that the server has at the end to store what is left; the rest waits in the spool. */
const CLOSE_MS = 10_000;

/**
 * Collects until the service is to end.
 *
 * @throws OptionError for a configuration that makes no sense here; the errors of the tracer; Error of the system
 */
export async function collect(request: CollectRequest, host: CollectHost): Promise<void> {
  const { config, version } = request;
  const { say } = host;
  const { filter } = config.record;
  const wants = filter === undefined ? undefined : wantsOf(filter);
  const paths = servePaths(config.folder);
  const user = process.geteuid?.() === 0 ? serviceUser(config.user) : undefined;
  prepareFolder(paths, user);
  using _claim = claimFolder(paths.folder);
  const tracing = tracerOptions(request, host);
  const { inherited, stored } = request;
  const { fingerprint, resumed } = await findEarlierRun({
    ...{ version, paths, user, tracing, say },
    ...(inherited && { inherited }),
    ...(stored && { stored }),
    ...(host.resume && { resume: host.resume }),
    ...(host.onHeld && { onHeld: host.onHeld }),
  });
  using queue = resumed?.queue ?? (host.resume && DescriptorQueue.create());
  const row = readHostRow();
  using details = new HostDetails(config.record);
  if (details.problem !== undefined) say(details.problem);
  const settings = {
    version,
    ...(user && { user }),
    ...(inherited && { inherited }),
  };
  let kept = resumed?.checkpoint;
  // Its program is loaded while the tracer starts.
  await using child = new ServerChild({
    command: request.serverCommand,
    settings: { config, ...settings },
    ...(queue !== undefined && { keep: queue.fd }),
    onSpawn: (pid) => {
      if (kept !== undefined) kept.holder = pid;
    },
    onProblem: say,
  });
  // From here on, the new server has the descriptors, too.
  const earlierEnded = resumed?.holder === undefined ? undefined : endServer(resumed.holder);
  if (resumed !== undefined) child.begin();
  await using tracer = resumed?.tracer ?? host.start(tracing);
  const clock = { monotonicNs: () => Number(monotonicNs()), offsetNs: realtimeOffsetNs };
  // Not before: what an earlier collector and this one missed ends when the programs are attached.
  const beganNs = clock.monotonicNs();
  const started = clock.offsetNs() + BigInt(beganNs);
  const epoch = resumed === undefined ? newEpoch(row.host_id, started) : epochOf(resumed.checkpoint.run);
  const newRun = () => beginRun({ tracer, queue, path: paths.handover, fingerprint, epoch, beganNs, say });
  using checkpoint = resumed?.checkpoint ?? newRun();
  kept = checkpoint;
  if (checkpoint !== undefined) host.onHeld?.(queue?.fd);
  if (checkpoint !== undefined && child.pid !== undefined) checkpoint.holder = child.pid;
  using openFiles = checkpoint && new OpenFiles(paths.open, epoch.epoch, resumed?.open);
  using balancers = new BalancerWatch({
    send: (seen) => client.sendBalancers(seen),
    ...(request.sweepMs !== undefined && { lookMs: Math.min(LOOK_MS, request.sweepMs) }),
  });
  const client: IngestClient = new IngestClient({
    path: paths.socket,
    versions: { protocols: PROTOCOLS, version, schema: SCHEMA_VERSION },
    epoch,
    view: viewOf(tracer.plan, details.problem),
    ...(resumed !== undefined && {
      last: { number: resumed.state.number, time: BigInt(resumed.state.time) },
      after: earlierEnded ?? Promise.resolve(),
    }),
    onAdded: (isSafe) => checkpoint?.end(isSafe),
    onStored: (run, number) => {
      if (run === epoch.epoch) checkpoint?.acknowledge(number);
    },
    spool: { folder: paths.spool, maxBytes: SPOOL_BYTES, fileBytes: SPOOL_FILE_BYTES },
    onLookup: (request) => balancers.lookUp(request),
    onState: (state) => {
      if (state.kind === 'connected') {
        child.works();
        balancers.restart();
      }
      report(state, host);
    },
    onProblem: say,
  });
  const stop = () => {
    // Else the programs stay attached for as long as the server holds them.
    queue?.clear();
    host.onHeld?.(undefined);
    return tracer.stop();
  };
  let isKept = false;
  let isClosed = false;
  let waitMs = CLOSE_MS;
  const closeClient = async () => {
    if (isClosed) return;
    isClosed = true;
    isKept = await client.close(waitMs);
  };
  try {
    if (resumed === undefined) child.begin();
    // None comes any more that could store what is left.
    child.failure.catch(() => {
      waitMs = 0;
    });
    const collector = new Collector({
      tracer,
      connections: { limit: config.record.maxConnections, udp: config.record.udp },
      host: row,
      ...(wants !== undefined && { wants }),
      ...(request.sweepMs !== undefined && { sweepMs: request.sweepMs }),
      send: (content) => sendKept(content, { client, tracer, checkpoint }),
      isCrowded: () => (tracer.ringUsed ?? 0) > CROWDED,
      ...(openFiles !== undefined && {
        keepOpen: (open, { monotonicNs }) => {
          openFiles.keep({ number: client.lastNumber + 1, monotonicNs }, open);
        },
      }),
      ...(resumed !== undefined && { resumed: resumedRun(resumed, config, started, request.sweepMs) }),
      look: (record) => details.look(record),
      enrich: (record) => details.enrich(record),
      details: (connection) => details.connection(connection),
      clock,
      beganNs,
    });
    const running = collector.run();
    const kept = host.dropPrivileges();
    if (kept !== undefined) say(kept);
    host.onStarted?.(async (next) => {
      // The server would look for its files in another folder.
      if (next.folder !== config.folder) say('folder: only a restart of weir serve changes that');
      const problem = await child.reload({ config: { ...next, folder: config.folder }, ...settings });
      if (problem !== undefined) throw new OptionError(problem);
    });
    void host.signalled.then(stop);
    try {
      await Promise.race([running, child.failure]);
    } finally {
      // Where the server failed, what was collected goes to the spool, with a goodbye.
      await stop();
      await running.catch(() => undefined);
      await closeClient();
    }
  } finally {
    await closeClient();
    if (!isKept) say('not all that was collected could be stored or kept in the spool');
  }
}

/** The part of the tracer's ring in use from which on events are put into batches sooner. */
const CROWDED = 0.25;

/** Events stay in the ring until they are in a batch. */
const RING_BYTES = 16 * 1024 * 1024;

function tracerOptions({ config, tracer }: CollectRequest, { resume }: CollectHost): TracerOptions {
  return {
    ...(resume !== undefined && { resumable: true, ringBytes: RING_BYTES }),
    ...tracer,
    udp: config.record.udp,
    maxConnections: config.record.maxConnections,
  };
}

function report(state: ConnectionState, { say, onReady, onWaiting }: CollectHost): void {
  if (state.kind === 'connected') onReady();
  else if (state.kind === 'disconnected') onWaiting?.();
  else if (state.kind === 'refused') say(state.message);
}
