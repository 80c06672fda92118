/** `weir serve` in a folder of its own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HistoryStore } from '@weir/history';
import { servePaths } from '@weir/server/serve';
import { WeirProcess } from './command.js';
import type { TestNetns } from './load.js';

/** The folder of this file's tests. */
export const folder = mkdtempSync(join(tmpdir(), 'weir-serve-'));
// The server's user passes through it.
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));
let runs = 0;

/** A port that nothing listened at just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
/** The port of the API. */
export const port = await freePort();

/** How all of a file's tests run it. */
export const launch: { prefix: readonly string[]; script?: string } = { prefix: [] };

/** A running one. */
export class Serve implements Disposable {
  readonly paths;
  readonly args: readonly string[];
  #weir: WeirProcess;

  /** Those of the next one that is made. */
  static nextPaths(): ReturnType<typeof servePaths> {
    return servePaths(join(folder, `${runs}`));
  }

  constructor(netns: TestNetns, ...more: readonly string[]) {
    this.paths = servePaths(join(folder, `${runs++}`));
    this.args = [
      'serve',
      '--folder',
      this.paths.folder,
      '--netns',
      netns.name,
      '--sweep',
      '1s',
      '--listen',
      `127.0.0.1:${port}`,
      '--ready-fd',
      '3',
      ...more,
    ];
    this.#weir = new WeirProcess(this.args, launch.prefix, launch.script);
  }

  get collector(): WeirProcess {
    return this.#weir;
  }

  /** The server's process id; undefined where none has said it. */
  get server(): number | undefined {
    if (!existsSync(this.paths.pid)) return undefined;
    const pid = Number(readFileSync(this.paths.pid, 'utf8'));
    return pid > 1 ? pid : undefined;
  }

  /** The process id of one that has been started since another. */
  async serverAfter(earlier: number): Promise<number> {
    let server: number | undefined;
    await until('another server', () => {
      ({ server } = this);
      return server !== undefined && server !== earlier;
    });
    return server!;
  }

  async ready(): Promise<void> {
    await this.#weir.ready();
  }

  /** Kills the collector, and starts another in the same folder. */
  async replaceCollector(): Promise<void> {
    await this.#weir.end('SIGKILL');
    this.startAgain();
    await this.ready();
  }

  /** Ends it in order. */
  async end(): Promise<void> {
    const { status, stderr } = await this.#weir.end('SIGINT');
    assert.equal(status, 0, stderr);
  }

  /** Starts it in the same folder, once it has ended. */
  startAgain(): void {
    this.#weir = new WeirProcess(this.args, launch.prefix, launch.script);
  }

  /** Ends it in order, and opens what it has left. */
  async history(): Promise<HistoryStore> {
    await this.end();
    assert.ok(!existsSync(this.paths.socket), 'the socket is gone');
    assert.ok(!existsSync(this.paths.pid), 'the server is gone');
    assert.deepEqual(readdirSync(this.paths.spool), []);
    return HistoryStore.open({ folder: this.paths.history, readOnly: true });
  }

  [Symbol.dispose](): void {
    this.#weir[Symbol.dispose]();
    const { server } = this;
    if (server !== undefined && existsSync(`/proc/${server}`)) process.kill(server, 'SIGKILL');
  }
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await sleep(20))
    assert.ok(Date.now() < deadline, what);
}
