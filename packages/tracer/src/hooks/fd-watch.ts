/** File descriptors of watched processes. The program that reports them is attached only while a process is watched. */
import {
  attachKprobe,
  attachTracing,
  type BpfMap,
  type Btf,
  Collection,
  type FeatureTable,
  type Link,
  OptionError,
  type Program,
  setGlobal,
} from '@weir/ebpf';
import { ProcessEnds } from '@weir/ebpf/sys';
import { inInitialPidNamespace } from '../enrich/pid-namespace.js';
import { readObject } from '../objects.js';
import type { HookCandidate } from '../report.js';
import { chooseHook, noHook } from './choose-hook.js';

const objectName = 'fd.bpf.o';

/** Maps that this program shares with the TCP programs: its events are ordered and counted together with theirs. */
const sharedMaps = ['events', 'statistics', 'scratch'] as const;

/** PID_MAX_LIMIT of 64-bit kernels (include/linux/threads.h). */
const HIGHEST_PID = 2 ** 22;
const watched = Uint8Array.of(1);

export interface FdWatchOptions {
  /** Ways to hook fd_install, best first. */
  readonly candidates: readonly HookCandidate[];
  readonly btf: Btf;
  readonly features: FeatureTable;
  /** The settings of the ring, as the TCP programs have them. */
  readonly globals: Readonly<Record<string, number | boolean>>;
  /** Finds a map of the TCP programs. */
  map(name: string): BpfMap;
}

/** The loaded and attached program. */
interface Running {
  readonly collection: Collection;
  readonly program: Program;
  readonly link: Link;
}

/** The watched processes, and the program that serves them. */
export class FdWatch implements Disposable {
  readonly #options: FdWatchOptions;
  readonly #pids = new Set<number>();
  readonly #ends = new ProcessEnds();
  #running: Running | undefined;
  #missedBefore = 0;

  constructor(options: FdWatchOptions) {
    this.#options = options;
  }

  /**
   * Watches a process, from the moment this returns to its end; a pid that no process has yet, until `unwatch`. The first one loads and
   * attaches the program.
   *
   * @throws OptionError for a number that is no process id; UnsupportedError where the kernel has no hook; UnknownFeatureError where
   * that is not known; VerifierError,
   * SyscallError (E2BIG beyond 4,096 processes).
   */
  watch(pid: number): void {
    const key = pidKey(pid);
    const running = this.#running ?? this.#start();
    this.#running = running;
    try {
      running.collection.map('watched_pids').update(key, watched);
    } catch (error) {
      if (this.#pids.size === 0) this.detach();
      throw error;
    }
    if (this.#pids.has(pid)) return;
    this.#pids.add(pid);
    // Another process may get its pid.
    if (inInitialPidNamespace()) this.#ends.add(pid, () => this.unwatch(pid));
  }

  /** Stops watching a process, and detaches the program after the last. No error for a process that is not watched. */
  unwatch(pid: number): void {
    if (!this.#pids.delete(pid)) return;
    if (this.#pids.size === 0) this.detach();
    else this.#running?.collection.map('watched_pids').delete(pidKey(pid));
  }

  /** Runs of the program that the kernel skipped, for any process. */
  get missedRuns(): number {
    return this.#missedBefore + missedRuns(this.#running);
  }

  /** Stops watching all processes, and unloads the program. */
  detach(): void {
    this.#missedBefore = this.missedRuns;
    this.#pids.clear();
    this.#running?.link[Symbol.dispose]();
    this.#running?.collection[Symbol.dispose]();
    this.#running = undefined;
  }

  /** Stops watching for good. */
  [Symbol.dispose](): void {
    this.detach();
    this.#ends[Symbol.dispose]();
  }

  #start(): Running {
    const { candidates, btf, features, globals, map } = this.#options;
    const { chosen: hook } = chooseHook(candidates);
    if (hook === undefined) throw noHook('hook for fd_install', candidates);
    const [mechanism, symbol] = hook.name.split(':') as [string, string];
    const spec = readObject(objectName);
    for (const [name, value] of Object.entries(globals)) setGlobal(spec, name, value);
    const name = `fd_${mechanism}`;
    const collection = Collection.load(spec, {
      btf,
      features,
      programs: [name],
      replaceMaps: Object.fromEntries(sharedMaps.map((shared) => [shared, map(shared)])),
    });
    try {
      const program = collection.program(name);
      const link =
        mechanism === 'fentry' ? attachTracing(program) : attachKprobe(program, symbol, { features });
      return { collection, program, link };
    } catch (error) {
      collection[Symbol.dispose]();
      throw error;
    }
  }
}

function missedRuns(running: Running | undefined): number {
  return running === undefined ? 0 : Number(running.program.info().recursionMisses);
}

function pidKey(pid: number): Uint8Array {
  if (!Number.isInteger(pid) || pid < 1 || pid > HIGHEST_PID) {
    throw new OptionError(`${pid} is no process id: expected a whole number from 1 to ${HIGHEST_PID}`);
  }
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, pid, true);
  return key;
}
