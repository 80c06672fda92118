/** A ClickHouse for tests: its engine behind an HTTP server in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ClickhouseConnection } from '../../src/clickhouse/clickhouse-connection.js';
import { type ClickhouseTarget, parseTarget } from '../../src/clickhouse/clickhouse-target.js';
import type { Mischief } from './clickhouse-child.js';

/** What it was asked. */
export interface AskedStatement {
  readonly sql: string;
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** `user:password` */
  readonly login: string;
}

/** Why there is none here; undefined where there is: its engine is built for x86-64 and glibc, and is not installed without developers' packages. */
export function withoutClickhouse(): string | undefined {
  try {
    createRequire(import.meta.url).resolve(`@chdb/lib-linux-${process.arch}-gnu/package.json`);
    return undefined;
  } catch {
    return 'the engine of ClickHouse (npm chdb) is not installed for this system';
  }
}

/** A cluster that is this one server, and what replicated tables put into their paths. */
const config = `<clickhouse>
<tcp_port>9000</tcp_port>
<remote_servers><only><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></only></remote_servers>
<macros><shard>1</shard><replica>r1</replica></macros>
</clickhouse>`;

/** A server with its data in a folder. */
export class TestClickhouse {
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #port = 0;
  readonly asked: AskedStatement[] = [];
  /** As whom the test itself asks: `user:password`. */
  login = 'default:';

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The process ends with the test, and then its folder: what runs would write into that. */
  static async start(context: Pick<TestContext, 'after'>): Promise<TestClickhouse> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-clickhouse-'));
    const server = new TestClickhouse(folder);
    context.after(async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  /** Again on the same port, and the same data. */
  async start(): Promise<void> {
    mkdirSync(join(this.#folder, 'data'), { recursive: true });
    writeFileSync(join(this.#folder, 'config.xml'), config);
    const program = new URL('clickhouse-child.js', import.meta.url);
    const child = fork(program, [join(this.#folder, 'data'), String(this.#port)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    const listening = new Promise<number>((resolve, reject) => {
      child.on('message', (message: AskedStatement & { port?: number }) => {
        if (message.port !== undefined) resolve(message.port);
        else if (message.sql !== undefined) this.asked.push(message);
      });
      child.once('exit', (code, signal) => reject(new Error(`ClickHouse ended: ${code ?? signal}`)));
    });
    listening.catch(() => {});
    this.#port = await listening;
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    const child = this.#child!;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  async behave(mischief: Mischief): Promise<void> {
    const done = new Promise<void>((resolve) => {
      const onMessage = (message: { ready?: boolean }) => {
        if (message.ready !== true) return;
        this.#child!.off('message', onMessage);
        resolve();
      };
      this.#child!.on('message', onMessage);
    });
    this.#child!.send(mischief);
    await done;
  }

  /** The process with its engine; undefined before the start. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get address(): string {
    return `clickhouse://127.0.0.1:${this.#port}/weir`;
  }

  get target(): ClickhouseTarget {
    return parseTarget(this.address);
  }

  connect(): ClickhouseConnection {
    const [user = '', password = ''] = this.login.split(':');
    return new ClickhouseConnection({ ...this.target, user }, {}, { password });
  }

  /** The rows of an answer. */
  async rows(sql: string): Promise<unknown[][]> {
    await using connection = this.connect();
    return connection.rows(sql);
  }
}
