/** Boots a kernel in QEMU, runs one command in it and brings back its output and exit status. */

import { spawn } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { type Kernel, kernel } from '../kernels/kernels.js';
import { platforms } from '../platforms.js';
import { temporaryFolder } from '../temporary.js';
import { CpioWriter } from './cpio.js';
import { packProject } from './project.js';
import { machineArguments, qemu } from './qemu.js';
import { baseArchive, packageArchive } from './userland.js';

export interface BootOptions {
  /** A kernel's name in the lab, such as `6.12`. */
  readonly kernel: string;
  /** A shell script, run in the checkout's place in the guest. */
  readonly command: string;
  /** Environment of the command. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** More files for the guest: absolute path there → file or folder here. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** More packages of Debian 12 for the guest, with what they depend on. */
  readonly packages?: readonly string[] | undefined;
  /** Virtual CPUs. Default: 1. */
  readonly smp?: number | undefined;
  /** Mebibytes. Default: 1024; below 512 the guest does not boot. */
  readonly memory?: number | undefined;
  /** Added to the kernel's command line. */
  readonly append?: string | undefined;
  /** Milliseconds from the guest's first line until it is ended. Default: ten minutes. */
  readonly timeoutMs?: number | undefined;
  /** Receives the command's output as it comes. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

export interface BootResult {
  /** The command's exit status. */
  readonly status: number;
  /** Standard output and error of the command, together. */
  readonly output: string;
  /** As `uname -r` says it in the guest. */
  readonly release: string;
  /** Milliseconds from QEMU's start to the command's. */
  readonly bootMs: number;
  /** Milliseconds from the command's start to QEMU's end. */
  readonly runMs: number;
}

/** The guest did not boot, or died before its command ended. `output` and `console` are as far as they came. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly output: string;
  readonly console: string;
  /** False if the guest never came to its command: a failure of the lab, not of what was to run. */
  readonly started: boolean;

  constructor(message: string, started: boolean, output: string, console: string) {
    super(`${message}\n--- the guest's console ends with ---\n${console.slice(-4000).trim() || '(nothing)'}`);
    this.output = output;
    this.console = console;
    this.started = started;
  }
}

/** Where guests find the true offsets of their kernel's fields, if the lab knows them. */
const guestOffsets = '/weir-test/offsets.json';
/** Milliseconds a guest may take to its first line. It takes 2 to 4 s on an idle machine. */
const bootTimeoutMs = 120_000;
const pollMs = 50;

/**
 * Runs a command in a guest.
 *
 * @throws LabError if the guest does not boot, tried twice, or ends or is ended before the command does.
 */
export async function boot(options: BootOptions): Promise<BootResult> {
  const guest = await kernel(options.kernel);
  try {
    return await bootOnce(guest, options);
  } catch (error) {
    if (!(error instanceof LabError) || error.started) throw error;
    process.stderr.write(`lab: ${guest.release} did not boot, trying once more\n`);
    return bootOnce(guest, options);
  }
}

async function bootOnce(guest: Kernel, options: BootOptions): Promise<BootResult> {
  using run = await prepare(guest, options);
  const outputPath = join(run.folder, 'output');
  writeFileSync(outputPath, '');
  const { program, prefix, env } = await qemu(guest.architecture);
  // A file and not a pipe: QEMU drops what a full pipe does not take.
  const machine = machineArguments({ ...run.machine, terminal: { file: outputPath } });
  const started = performance.now();
  const child = spawn(program, [...prefix, ...machine], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stdout.on('data', (chunk: Buffer) => (complaints += chunk));
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk));
  const stop = () => child.kill('SIGKILL');
  process.once('exit', stop);

  const transcript = new Transcript(options.onOutput);
  using reader = new Tail(outputPath);
  let readyAt = 0;
  let timedOut = false;
  const poll = setInterval(() => {
    transcript.append(reader.read());
    if (readyAt === 0 && transcript.release !== undefined) readyAt = performance.now();
    const limit = readyAt === 0 ? started + bootTimeoutMs : readyAt + (options.timeoutMs ?? 600_000);
    if (performance.now() > limit && !timedOut) {
      timedOut = true;
      stop();
    }
  }, pollMs);
  const code = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
  clearInterval(poll);
  process.removeListener('exit', stop);
  transcript.append(reader.read());
  transcript.end();

  const { release, status, output } = transcript;
  const ended = performance.now();
  // A panic ends QEMU just as the end of the command does, but without the last line.
  if (release !== undefined && status !== undefined && code === 0) {
    const ready = readyAt || ended;
    return { status, output, release, bootMs: ready - started, runMs: ended - ready };
  }
  const consoleText = existsSync(run.machine.console) ? readFileSync(run.machine.console, 'latin1') : '';
  const what = release === undefined ? 'never came to its command' : 'ended before its command did';
  const how = timedOut ? 'killed after the time limit' : `QEMU ended with ${code}`;
  const message = `the guest with ${guest.release} ${what}: ${how}${complaints && `, saying: ${complaints.trim()}`}`;
  throw new LabError(message, release !== undefined, output, consoleText);
}

/** Opens a shell in a guest on this terminal. Resolves when the guest has ended. */
export async function shell(options: Omit<BootOptions, 'command' | 'onOutput' | 'timeoutMs'>): Promise<void> {
  const guest = await kernel(options.kernel);
  using run = await prepare(guest, { ...options, command: '' }, true);
  const { program, prefix, env } = await qemu(guest.architecture);
  const machine = machineArguments({ ...run.machine, terminal: 'inherit' });
  const child = spawn(program, [...prefix, ...machine], { env, stdio: 'inherit' });
  await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}

type Prepared = {
  folder: string;
  machine: Omit<Parameters<typeof machineArguments>[0], 'terminal'>;
} & Disposable;

/** Lays out a guest: one initramfs of the base, the kernel's modules, the project and what this run adds. */
async function prepare(guest: Kernel, options: BootOptions, interactive = false): Promise<Prepared> {
  const temporary = temporaryFolder('weir-guest-');
  const folder = temporary.path;
  try {
    const initramfs = join(folder, 'initramfs');
    const platform = platforms[guest.architecture];
    copyFileSync(await baseArchive(platform), initramfs);
    appendFileSync(initramfs, readFileSync(guest.modules));
    if (options.packages?.length)
      appendFileSync(initramfs, readFileSync(await packageArchive(options.packages, platform)));
    const project = join(folder, 'project');
    await packProject(project, guest.architecture);
    const own = join(folder, 'own');
    packRun(own, guest, options, interactive);
    for (const archive of [project, own]) appendFileSync(initramfs, readFileSync(archive));
    const { smp = 1, memory = 1024, append } = options;
    const { architecture, image } = guest;
    const machine = { architecture, image, initramfs, smp, memory, append, console: join(folder, 'console') };
    return { folder, machine, [Symbol.dispose]: () => temporary[Symbol.dispose]() };
  } catch (error) {
    temporary[Symbol.dispose]();
    throw error;
  }
}

function packRun(archive: string, guest: Kernel, options: BootOptions, interactive: boolean): void {
  using writer = new CpioWriter(archive);
  const own = { WEIR_LAB_KERNEL: guest.name, ...(guest.offsets && { WEIR_OFFSETS: guestOffsets }) };
  const files = { ...(guest.offsets && { [guestOffsets]: guest.offsets }), ...options.files };
  const variables = Object.entries({ ...own, ...options.env }).map(
    ([name, value]) => `export ${name}=${quote(value)}\n`,
  );
  writer.file('run.weir/command', Buffer.from(`${variables.join('')}${options.command}\n`));
  if (interactive) writer.file('run.weir/interactive', Buffer.alloc(0));
  for (const [inside, outside] of Object.entries(files)) {
    const name = inside.replace(/^\/+/, '');
    if (statSync(outside).isDirectory()) {
      writer.directory(name);
      writer.tree(name, outside);
    } else writer.copy(name, outside);
  }
  writer.finish();
}

/** A word that a shell reads as exactly `text`. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Reads what has been appended to a file since the last time. */
class Tail implements Disposable {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(65536);
  readonly #decoder = new StringDecoder('utf8');
  #offset = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  read(): string {
    let text = '';
    for (;;) {
      const length = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, this.#offset);
      if (length === 0) return text;
      this.#offset += length;
      text += this.#decoder.write(this.#buffer.subarray(0, length));
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** The lab's own lines begin with the ASCII record separator, which nothing else that is printed holds by chance. */
const mark = '\x1e';
const firstLine = new RegExp(`${mark}weir-lab: ready (\\S+)\r?\n`);
const lastLineStart = `${mark}weir-lab: status `;
const lastLine = new RegExp(`${lastLineStart}(\\d+)\n`);

/** Takes a guest's second serial line apart: its first line, the command's output, its last line. */
export class Transcript {
  /** The kernel's release, from the guest's first line; undefined until that comes. */
  release: string | undefined;
  /** The command's status, from the guest's last line; undefined until that comes. */
  status: number | undefined;
  output = '';
  readonly #onOutput: ((text: string) => void) | undefined;
  #held = '';

  constructor(onOutput?: (text: string) => void) {
    this.#onOutput = onOutput;
  }

  append(text: string): void {
    this.#held += text;
    if (this.release === undefined) {
      const first = firstLine.exec(this.#held);
      if (!first) return;
      this.release = first[1];
      this.#held = this.#held.slice(first.index + first[0].length);
    }
    const last = lastLine.exec(this.#held);
    if (last) {
      this.status = Number(last[1]);
      this.#pass(last.index);
      this.#held = '';
      return;
    }
    // Text that may yet turn out to be the last line is held back.
    const start = this.#held.lastIndexOf(mark);
    const tail = start < 0 ? '' : this.#held.slice(start);
    const undecided = lastLineStart.startsWith(tail) || tail.startsWith(lastLineStart);
    this.#pass(undecided ? this.#held.length - tail.length : this.#held.length);
  }

  /** The guest has ended: nothing is held back any more. */
  end(): void {
    if (this.release !== undefined) this.#pass(this.#held.length);
  }

  #pass(length: number): void {
    if (length === 0) return;
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    this.output += text;
    this.#onOutput?.(text);
  }
}
