/** A tracer without a kernel: plays given batches, then waits to be stopped. */
import { FormatError } from '@weir/ebpf';
import type {
  ConnectionsOptions,
  HostReport,
  JsonLines,
  LiveConnections,
  TraceRecord,
  TracerApi,
  TracerOptions,
  TracerStats,
  TypeChoice,
} from '@weir/tracer';
import { jsonLine } from '@weir/tracer/json';
import type { TracerFactory } from '../../src/tracing.js';

export interface Script {
  /** Batches to deliver, each as soon as the one before was taken. */
  readonly batches: Iterable<readonly TraceRecord[]>;
  /** Records that are still in the ring when it is stopped. */
  readonly remaining?: readonly TraceRecord[];
  readonly stats?: Partial<TracerStats>;
  readonly types?: TypeChoice;
  /** Ends by itself after the batches, as with an aborted signal. */
  readonly ends?: boolean;
  /** Thrown after the batches. */
  readonly error?: Error;
  readonly stopError?: Error;
  readonly live?: LiveConnections;
  /** Thrown when a process's descriptors are to be watched. */
  readonly watchError?: Error;
}

const none = { connect: 0, accept: 0, close: 0, fail: 0, udp_flow: 0, fd_install: 0 };

export class FakeTracer implements TracerApi {
  readonly types: TypeChoice;
  readonly plan = [
    { purpose: 'lifecycle of connections', candidates: [], chosen: 'raw_tracepoint:inet_sock_set_state' },
    {
      purpose: 'process that accepts',
      candidates: [],
      chosen: 'listener',
      consequence: 'Accepts are put down to the listener.',
    },
  ];
  /** Processes whose descriptors are watched. */
  readonly watched = new Set<number>();
  connectionsOptions: ConnectionsOptions | undefined;
  /** How often it was asked to stop. */
  stops = 0;
  /** Batches taken by the consumer. */
  taken = 0;
  readonly #script: Script;
  readonly #stopped: Promise<void>;
  #resolveStopped: () => void = () => undefined;

  constructor(script: Script) {
    this.#script = script;
    this.types = script.types ?? { source: 'kernel' };
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  async *batches(): AsyncGenerator<readonly TraceRecord[]> {
    for (const batch of this.#script.batches) {
      if (this.stops > 0) break;
      this.taken++;
      yield batch;
      await new Promise(setImmediate);
    }
    if (this.#script.error) throw this.#script.error;
    if (!this.#script.ends) await this.#stopped;
    if (this.#script.remaining) yield this.#script.remaining;
  }

  columns(): never {
    throw new Error('this tracer has no columns');
  }

  async *jsonLines(): AsyncGenerator<JsonLines> {
    for await (const batch of this.batches()) {
      const counts = { ...none, lost: 0 };
      for (const { event } of batch) counts[event]++;
      yield { bytes: Buffer.from(batch.map(jsonLine).join('')), counts };
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TraceRecord> {
    for await (const batch of this.batches()) yield* batch;
  }

  on(): this {
    return this;
  }

  off(): this {
    return this;
  }

  readonly completeNs = 0;

  stats(): TracerStats {
    const lost = { ring: 0, map: 0, probe: 0, udp: 0, missed: 0 };
    return { produced: none, delivered: none, lost, inversions: 0, connections: 0, ...this.#script.stats };
  }

  watchFds(pid: number): void {
    if (this.#script.watchError) throw this.#script.watchError;
    this.watched.add(pid);
  }

  unwatchFds(pid: number): void {
    this.watched.delete(pid);
  }

  connections(options: ConnectionsOptions = {}): LiveConnections {
    this.connectionsOptions = options;
    if (this.#script.live === undefined) throw new Error('this tracer has no connections');
    return this.#script.live;
  }

  async stop(): Promise<void> {
    this.stops++;
    this.#resolveStopped();
    if (this.#script.stopError) throw this.#script.stopError;
  }

  [Symbol.dispose](): void {
    this.stops++;
    this.#resolveStopped();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export const report: HostReport = {
  kernel: { release: '6.1.0-50-amd64', version: '#1 SMP PREEMPT_DYNAMIC Debian', machine: 'x86_64' },
  btf: { source: 'kernel', path: '/sys/kernel/btf/vmlinux', types: 134_512 },
  capabilities: [
    { name: 'CAP_BPF', present: true, for: 'to load programs' },
    { name: 'CAP_PERFMON', present: false, for: 'to attach them' },
  ],
  features: [{ name: 'ring buffer', since: '5.8', state: 'present' }],
  containers: [
    { name: 'Docker', path: '/var/lib/docker/containers', state: 'unknown', reason: 'EACCES' },
    { name: "Docker's API", path: '/var/run/docker.sock', state: 'present' },
    { name: 'CRI-O', path: '/run/containers', state: 'absent' },
  ],
  hooks: [
    {
      purpose: 'accept',
      candidates: [
        { name: 'fentry:security_sock_graft', state: 'absent', reason: 'no BPF trampolines' },
        { name: 'listener', state: 'present', reason: 'needs nothing' },
      ],
      chosen: 'listener',
      consequence: 'Accepts are put down to the listener.',
    },
  ],
  problems: [{ what: 'CAP_PERFMON is missing', advice: 'Run as root.' }],
  ok: false,
};

/** A factory of fake tracers that remembers what it was asked for. */
export class FakeFactory implements TracerFactory {
  readonly started: TracerOptions[] = [];
  readonly tracer: FakeTracer;
  /** Thrown by start(). */
  startError: Error | undefined;
  /** Resolved when a start may go on. */
  mayStart: Promise<void> | undefined;

  constructor(script: Script) {
    this.tracer = new FakeTracer(script);
  }

  start(options: TracerOptions): TracerApi {
    this.started.push(options);
    if (this.startError) throw this.startError;
    return this.tracer;
  }

  async startAsync(options: TracerOptions): Promise<TracerApi> {
    await this.mayStart;
    return this.start(options);
  }

  inspect(): HostReport {
    return report;
  }

  assertPrivileges(): void {}

  dropPrivileges(): undefined {
    return undefined;
  }

  parseBtf(): never {
    throw new FormatError('no BTF magic');
  }
}
