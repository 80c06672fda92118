/** `weir serve` as a process whose cost is measured. It records what happens in a network namespace of the bench's own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { servePaths } from '@weir/server/serve';

const weir = fileURLToPath(new URL('../../../../packages/cli/bin/weir.js', import.meta.url));

/** A network namespace with a loopback device. */
export class Netns implements Disposable {
  readonly name = `weir-bench-${process.pid}`;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    execFileSync('ip', ['-n', this.name, 'link', 'set', 'lo', 'up']);
  }

  /** A command that runs in it. */
  command(...words: readonly string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.name, ...words]];
  }

  [Symbol.dispose](): void {
    execFileSync('ip', ['netns', 'delete', this.name]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const LONGEST_START_MS = 60_000;

/** A running `weir serve`. */
export class WeirServe implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #base: string;
  readonly #folder: string;
  readonly #started = performance.now();

  private constructor(folder: string, netns: Netns, port: number) {
    this.#folder = folder;
    this.#base = `http://127.0.0.1:${port}/api/v1`;
    const args = [
      'serve',
      '--user',
      'nobody',
      '--folder',
      folder,
      '--netns',
      netns.name,
      '--listen',
      `127.0.0.1:${port}`,
    ];
    this.#child = spawn(process.execPath, [weir, ...args, '--keep', '1y', '--ready-fd', '3'], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    });
  }

  static async start(folder: string, netns: Netns): Promise<WeirServe> {
    return new WeirServe(folder, netns, await freePort());
  }

  /** Waits until connections are recorded. */
  async ready(): Promise<void> {
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error('weir serve ended before it was ready');
    });
    ended.catch(() => {});
    await Promise.race([once(this.#child.stdio[3] as Readable, 'data'), ended]);
  }

  /** Milliseconds from its start until it has answered a question. */
  async firstAnswer(path: string): Promise<number> {
    while (performance.now() - this.#started < LONGEST_START_MS) {
      const response = await fetch(this.#base + path).catch(() => undefined);
      if (response?.ok === true) {
        await response.arrayBuffer();
        return performance.now() - this.#started;
      }
      if (response !== undefined) throw new Error(`${path}: ${await response.text()}`);
      if (this.#child.exitCode !== null) break;
      await sleep(5);
    }
    throw new Error('weir serve did not answer');
  }

  get collector(): number {
    return this.#child.pid!;
  }

  get server(): number {
    return Number(readFileSync(servePaths(this.#folder).pid, 'latin1').trim());
  }

  /** The folder of its history. */
  get history(): string {
    return servePaths(this.#folder).history;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}

/** Where a history is in the folder of `weir serve`. */
export const historyOf = (folder: string): string => join(servePaths(folder).history);
