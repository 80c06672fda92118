/** A host of a simulated network: a network namespace with a name and a machine id of its own, in which `weir serve` runs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { servePaths } from '@weir/server/serve';
import { WeirProcess } from './command.js';
import { TestNetns } from './load.js';
import { link } from './routers.js';

/** The port of all their APIs. */
export const API_PORT = 9436;

/** Runs as another host: a name, and a machine id where there is a file to lay it over. */
const asHost = `hostname "$1"; if [ -e /etc/machine-id ]; then mount --bind "$2" /etc/machine-id; fi
shift 2; exec "$@"`;

/** One host, with an address behind a router. */
export class PeerHost implements Disposable {
  readonly netns = new TestNetns();
  readonly name: string;
  readonly address: string;
  readonly #root = mkdtempSync(join(tmpdir(), 'weir-peer-'));
  readonly #paths = servePaths(join(this.#root, 'w'));
  #weir: WeirProcess | undefined;

  /** Gives it an address of its router's network: the router has the first one. @param network Such as `10.1.0` */
  constructor(name: string, router: TestNetns, network: string) {
    this.name = name;
    this.address = `${network}.2`;
    chmodSync(this.#root, 0o755);
    link(router, `to-${name}`, `${network}.1/24`, this.netns, 'eth', `${this.address}/24`);
    execFileSync('ip', ['-n', this.netns.name, 'route', 'add', 'default', 'via', `${network}.1`]);
  }

  /** The address of its API. */
  get url(): string {
    return `http://${this.address}:${API_PORT}`;
  }

  /** Where its history is. */
  get history(): string {
    return this.#paths.history;
  }

  /** Starts `weir serve`, reachable from the other hosts. */
  start(...more: readonly string[]): void {
    const id = join(this.#root, 'machine-id');
    writeFileSync(id, `${createHash('md5').update(this.name).digest('hex')}\n`);
    const shell = ['unshare', '--uts', '--mount', 'sh', '-c', asHost, 'sh', this.name, id];
    const own = ['--folder', this.#paths.folder, '--netns', this.netns.name, '--sweep', '1s'];
    const open = ['--listen', `${this.address}:${API_PORT}`, '--insecure', '--ready-fd', '3'];
    this.#weir = new WeirProcess(
      ['serve', ...own, ...open, ...more],
      ['ip', 'netns', 'exec', this.netns.name, ...shell],
    );
  }

  /** Waits until it records and answers. */
  async ready(): Promise<void> {
    await this.#weir?.ready();
  }

  /** Ends it in order. */
  async end(): Promise<void> {
    const { status, stderr } = await this.#weir!.end('SIGINT');
    assert.equal(status, 0, stderr);
  }

  /** Asks its API, from this host. */
  async get<T>(path: string): Promise<T> {
    const options = { socketPath: this.#paths.api, path: `/api/v1${path}` };
    const [status, body] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      request(options, (response) => {
        text(response).then((all) => resolve([response.statusCode, all]), reject);
      })
        .on('error', reject)
        .end();
    });
    assert.equal(status, 200, body);
    return JSON.parse(body) as T;
  }

  [Symbol.dispose](): void {
    this.#weir?.[Symbol.dispose]();
    try {
      process.kill(Number(readFileSync(this.#paths.pid, 'utf8')), 'SIGKILL');
    } catch {
      // It has ended in order.
    }
    this.netns[Symbol.dispose]();
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}
