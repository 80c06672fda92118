/** `weir serve` on the connections of a network namespace, and a browser that opens its page. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { servePaths } from '@weir/server/serve';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Answers } from '../../src/api/api-types.js';
import type { Traffic } from './traffic-program.js';

const weir = fileURLToPath(import.meta.resolve('@weir/cli/package.json')).replace(
  'package.json',
  'bin/weir.js',
);
const program = fileURLToPath(new URL('traffic-program.js', import.meta.url));
let runs = 0;

/** Waits until something is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await sleep(50))
    assert.ok(Date.now() < deadline, what);
}

/** A port at which nothing listened just now: a server that is started again has to have the same. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A running server. */
export class ServedPage implements AsyncDisposable {
  readonly #netns = `weir-web-${process.pid}-${runs++}`;
  readonly #root: string;
  readonly folder: string;
  readonly #child: ChildProcess;
  /** Where the page is. */
  readonly origin: string;

  private constructor(root: string, port: number, more: readonly string[]) {
    this.#root = root;
    this.folder = join(root, 'w');
    execFileSync('ip', ['netns', 'add', this.#netns]);
    execFileSync('ip', ['-n', this.#netns, 'link', 'set', 'lo', 'up']);
    this.origin = `http://127.0.0.1:${port}`;
    const own = ['--folder', this.folder, '--netns', this.#netns, '--listen', `127.0.0.1:${port}`];
    const args = [weir, 'serve', ...own, ...more, '--sweep', '1s', '--ready-fd', '3'];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  }

  /** Starts it, and waits until connections are recorded. @param fill Makes the history before, in a folder */
  static async start(fill?: (history: string) => Promise<void>): Promise<ServedPage> {
    const root = mkdtempSync(join(tmpdir(), 'weir-web-'));
    // The server's user passes through it.
    chmodSync(root, 0o755);
    if (fill !== undefined) {
      const { server, history } = servePaths(join(root, 'w'));
      mkdirSync(server, { recursive: true });
      await fill(history);
      execFileSync('chown', ['-R', 'nobody:', server]);
    }
    const page = new ServedPage(root, await freePort(), fill === undefined ? [] : ['--user', 'nobody']);
    assert.equal(await text(page.#child.stdio[3] as Readable), 'ready\n');
    return page;
  }

  /** The process that serves. */
  get serverPid(): number {
    return Number(readFileSync(join(this.folder, 'run/server.pid'), 'utf8'));
  }

  /** Runs a command of Weir on its folder; what it prints. */
  weir(...args: string[]): string {
    return execFileSync(process.execPath, [weir, ...args, '--folder', this.folder], { encoding: 'utf8' });
  }

  /** Makes connections, and waits until the history has them, both ends of each. */
  async make(traffic: Traffic): Promise<void> {
    const before = (await this.ask('groups', 'range=-1d')).total.connections;
    const args = ['netns', 'exec', this.#netns, process.execPath, program, JSON.stringify(traffic)];
    execFileSync('ip', args, { stdio: 'inherit' });
    const made = 2 * traffic.count + traffic.refused;
    await until(`${made} connections in the history`, async () => {
      return (await this.ask('groups', 'range=-1d')).total.connections === before + made;
    });
  }

  /** Waits until so much time from now is recorded: a chart shows nothing of a step of which only a small part is. */
  async record(ms: number): Promise<void> {
    const end = new Date(Date.now() + ms).toISOString();
    await until(`all until ${end} is in the history`, async () => {
      const { watermark } = await this.ask('status', '');
      return watermark !== undefined && watermark > end;
    });
  }

  /** Starts a connection that stays open until the standard input of its process ends. */
  startSlow(bytes: number): ChildProcess {
    return this.#startProgram('slow-program.js', bytes);
  }

  /** Starts so many connections a second, until the standard input of its process ends. */
  startSteady(perSecond: number): ChildProcess {
    return this.#startProgram('steady-program.js', perSecond);
  }

  #startProgram(name: string, argument: number): ChildProcess {
    const path = fileURLToPath(new URL(name, import.meta.url));
    return this.start([process.execPath, path, String(argument)], { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  /** Starts a command in the namespace; its pid is the child's. */
  start(command: readonly string[], options: SpawnOptions): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.#netns, ...command], options);
  }

  /** What `ss` prints about the sockets of the namespace. */
  ss(...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.#netns, 'ss', ...args], { encoding: 'utf8' });
  }

  /** Asks the API. */
  async ask<Path extends keyof Answers>(path: Path, query: string): Promise<Answers[Path]> {
    const response = await fetch(`${this.origin}/api/v1/${path}?${query}`);
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as Answers[Path];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGINT');
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    execFileSync('ip', ['netns', 'del', this.#netns]);
    rmSync(this.#root, { recursive: true });
  }
}

/** Debian's Chromium. */
export async function openBrowser(): Promise<Browser> {
  // A sandbox needs another user than root.
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  // All its processes have begun to work with the first frame that is drawn, however long that takes.
  const page = await browser.newPage();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  await page.close();
  return browser;
}

/** A page that is watched: what it asks of other hosts, what its policy refuses, and its errors. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** What must stay empty. */
  readonly complaints: string[];
}

/** Opens an address. */
export async function openPage(
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const { origin } = new URL(address);
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) complaints.push(`asked ${url}`);
  });
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  page.on('console', (message) => {
    const said = message.text();
    // A browser notes each answer that is an error, which tests ask for.
    if (message.type() === 'error' && !said.startsWith('Failed to load resource')) complaints.push(said);
  });
  await context.exposeBinding('complain', (_, said: string) => void complaints.push(said));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      const { complain } = globalThis as unknown as { complain: (said: string) => void };
      complain(
        `refused ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
      );
    });
  });
  await page.goto(address);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** What a screen reader's user, or somebody who sees little, would trip over: serious rules only. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    interface Result {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
    }
    const { axe: tool } = globalThis as unknown as { axe: { run(): Promise<{ violations: Result[] }> } };
    const { violations } = await tool.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
      );
  });
}
