/** `weir serve` whose processes a test kills. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNs, realtimeOffsetNs } from '@weir/ebpf/sys';
import { HistoryStore } from '@weir/history';
import { servePaths } from '@weir/server/serve';
import { WeirProcess } from './command.js';
import type { TestNetns } from './load.js';
import type { SmallDisk } from './small-disk.js';

/** Nanoseconds since 1970. */
function nowNs(): bigint {
  return realtimeOffsetNs() + monotonicNs();
}

/** The death of a collector. */
export interface CollectorKill {
  /** Nanoseconds since 1970, just before. */
  readonly atNs: bigint;
  /** Whether a server lived, which has what the next collector goes on with, until that had a server of its own. */
  hadServer: boolean;
  /** When the next collector was ready; undefined where that was killed before. */
  readyNs: bigint | undefined;
}

/** Whether a process runs, as a server. */
function isServer(pid: number): boolean {
  try {
    const isOne = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--server');
    return isOne && !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

/** Where and how it runs. */
export interface KilledServeOptions {
  /** Where its folder is. */
  readonly disk?: SmallDisk;
  /** A history that it begins with. */
  readonly past?: string;
  /** A command that runs it, where its folder is on no disk of its own. */
  readonly prefix?: readonly string[];
  /** More arguments. */
  readonly more?: readonly string[];
}

/** Runs on loopback, in a folder of its own. */
export class KilledServe implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'weir-killed-'));
  readonly #args: readonly string[];
  readonly #prefix: readonly string[];
  /** As a test sees them. */
  readonly paths;
  readonly kills: CollectorKill[] = [];
  serverKills = 0;
  readonly #servers = new Set<number>();
  /** What has come from its standard error. */
  said = '';
  #weir: WeirProcess;
  #ready!: Promise<void>;

  constructor(netns: TestNetns, { disk, past, prefix = [], more = [] }: KilledServeOptions = {}) {
    // The server's user passes through it.
    chmodSync(this.#root, 0o755);
    const folder = join(disk?.folder ?? this.#root, 'w');
    this.paths = servePaths(disk?.seen(folder) ?? folder);
    if (past !== undefined) this.#begin(past);
    this.#prefix = disk?.prefix ?? prefix;
    const own = ['--folder', folder, '--netns', netns.name, '--listen', '127.0.0.1:0'];
    this.#args = ['serve', ...own, '--sweep', '1s', '--ready-fd', '3', ...more];
    this.#weir = this.#start();
  }

  #begin(past: string): void {
    mkdirSync(this.paths.folder, { mode: 0o755 });
    cpSync(past, this.paths.history, { recursive: true });
    execFileSync('chown', ['-R', 'nobody:', this.paths.server]);
  }

  get pid(): number {
    return this.#weir.pid;
  }

  #start(): WeirProcess {
    const weir = new WeirProcess(this.#args, this.#prefix);
    weir.child.stderr!.on('data', (chunk: Buffer | string) => {
      this.said += String(chunk);
    });
    const kill = this.kills.at(-1);
    this.#ready = weir.ready().then(() => {
      if (kill !== undefined) kill.readyNs = nowNs();
    });
    this.#ready.catch(() => undefined);
    return weir;
  }

  /** Waits until the collector traces, and a server takes its batches. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  /** Waits until its standard error has this. */
  async says(pattern: RegExp): Promise<void> {
    for (const deadline = Date.now() + 60_000; !pattern.test(this.said); await sleep(10))
      assert.ok(Date.now() < deadline, `no ${pattern} in: ${this.said}`);
  }

  get #server(): number | undefined {
    try {
      const pid = Number(readFileSync(this.paths.pid, 'utf8'));
      return isServer(pid) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether the collector has started a server, be it ready or not: from then on, that one has what the next collector goes on with. */
  #hasOwnServer(): boolean {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.some((pid) => isServer(Number(pid)) && parentOf(pid) === this.pid);
  }

  /** Waits until a server has stored all that was handed over: a moment in which nothing waits in the spool. */
  async stored(): Promise<void> {
    const isStored = () => this.#server !== undefined && readdirSync(this.paths.spool).length === 0;
    for (const deadline = Date.now() + 120_000; !isStored(); await sleep(10))
      assert.ok(Date.now() < deadline, 'no server stores what waits');
  }

  /** Kills the server, or says that there is none for now. */
  killServer(): boolean {
    const server = this.#server;
    if (server === undefined) return false;
    const kill = this.kills.at(-1);
    if (kill !== undefined && !this.#hasOwnServer()) kill.hadServer = false;
    process.kill(server, 'SIGKILL');
    this.serverKills++;
    return true;
  }

  /** Kills the collector, ready or not, and starts another. */
  async replaceCollector(): Promise<void> {
    await this.killCollector();
    this.startAgain();
  }

  /** Kills the collector, ready or not. */
  async killCollector(): Promise<void> {
    assert.equal(this.#weir.child.exitCode, null, 'the collector has ended by itself');
    const server = this.#server;
    if (server !== undefined) this.#servers.add(server);
    this.kills.push({ atNs: nowNs(), hadServer: server !== undefined, readyNs: undefined });
    this.#weir.child.kill('SIGKILL');
    await new Promise((resolve) => this.#weir.child.once('exit', resolve));
  }

  /** Ends it in order, as far as its disk allows. */
  async end(): Promise<void> {
    const { status, stderr } = await this.#weir.end('SIGINT');
    assert.equal(status, 0, stderr);
  }

  /** Starts it again once it has ended, or was killed. */
  startAgain(): void {
    this.#weir = this.#start();
  }

  /** Ends it in order, with nothing left in the spool, and opens what it has left. */
  async history(): Promise<HistoryStore & AsyncDisposable> {
    await this.end();
    assert.ok(!existsSync(this.paths.socket), 'the socket is gone');
    assert.deepEqual(readdirSync(this.paths.spool), []);
    const left = [...this.#servers].filter(isServer);
    assert.deepEqual(left, [], 'servers of collectors that were killed');
    return this.#open();
  }

  async #open(): Promise<HistoryStore & AsyncDisposable> {
    // DuckDB follows links, and the disk is mounted elsewhere.
    const folder = join(this.#root, 'history');
    cpSync(this.paths.history, folder, { recursive: true });
    const store = await HistoryStore.open({ folder, readOnly: true });
    return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
  }

  [Symbol.dispose](): void {
    this.#weir[Symbol.dispose]();
    const server = this.#server;
    if (server !== undefined) process.kill(server, 'SIGKILL');
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}
