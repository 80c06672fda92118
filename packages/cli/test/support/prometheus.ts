/** A real Prometheus, and what it says. Needs Debian's `prometheus`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** A sample of an answer. */
export interface PromSample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One that scrapes four times a second, until it is disposed of. */
export class Prometheus implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'weir-prometheus-'));
  readonly #origin: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(port: number, target: string, rules: string) {
    const config = join(this.#folder, 'prometheus.yml');
    const lines = [
      'global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 1s}',
      `rule_files: [${JSON.stringify(rules)}]`,
      `scrape_configs: [{job_name: weir, static_configs: [{targets: [${JSON.stringify(target)}]}]}]`,
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    this.#origin = `http://127.0.0.1:${port}`;
    const args = [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${join(this.#folder, 'data')}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    ];
    this.#child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#ended = once(this.#child, 'exit');
  }

  /** @param target Where /metrics is: address and port. @param rules A file with alerts. */
  static async start(target: string, rules: string): Promise<Prometheus> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return new Prometheus(port, target, rules);
  }

  /** The answer to a path of its API; undefined while it does not answer. */
  async ask(path: string): Promise<unknown> {
    try {
      const response = await fetch(`${this.#origin}/api/v1/${path}`);
      return response.ok ? ((await response.json()) as { data: unknown }).data : undefined;
    } catch {
      return undefined;
    }
  }

  /** What an expression is now, in the order of the labels' text. */
  async query(expression: string): Promise<PromSample[]> {
    const data = await this.ask(`query?query=${encodeURIComponent(expression)}`);
    const { result = [] } = (data ?? {}) as {
      result?: { metric: Record<string, string>; value: [number, string] }[];
    };
    return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
  }

  /** Waits until an expression has one value, which it is. */
  async until(expression: string, value: number): Promise<void> {
    for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
      const found = await this.query(expression);
      if (found.length === 1 && found[0]!.value === value) return;
      assert.ok(Date.now() < deadline, `${expression} is ${JSON.stringify(found)}, not ${value}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs promtool. @returns what it prints. @throws AssertionError where it fails */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('promtool', args, { stdio: 'pipe' });
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  assert.equal(status, 0, `promtool ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout + stderr;
}
