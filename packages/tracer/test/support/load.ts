/** Runs the load generator, which reports exactly what it did (lab/load/README.md). */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { TestNetns } from './netns.js';

export interface Thread {
  readonly pid: number;
  readonly tid: number;
}

export interface End extends Thread {
  readonly address: string;
  readonly port: number;
}

/** TCP_INFO of one end: in `acked` and `received`, SYN and FIN count as a byte each. */
export interface KernelFigures {
  readonly acked: number;
  readonly received: number;
  readonly retransmits: number;
  readonly segments_sent: number;
  readonly segments_received: number;
}

/** One connection, or attempt, as the generator made it. */
export interface LoadReport {
  readonly kind: string;
  readonly index: number;
  readonly client: End;
  readonly server: End;
  readonly peer?: { readonly address: string; readonly port: number };
  readonly bytes_client_to_server: number;
  readonly bytes_server_to_client: number;
  readonly closer?: string;
  readonly closed_by?: Thread;
  readonly error?: string;
  readonly given_up?: boolean;
  readonly all_closed?: boolean;
  readonly connecting_ns: number;
  readonly connected_ns?: number;
  readonly accepted_ns?: number;
  readonly ended_ns?: number;
  /** Datagrams of a UDP flow, each way. */
  readonly datagrams?: number;
  /** Figures of a transfer. */
  readonly client_kernel?: KernelFigures;
  readonly server_kernel?: KernelFigures;
}

export interface Ready {
  readonly pid: number;
  readonly netns: number;
  readonly ports?: readonly number[];
  readonly workers?: readonly (Thread & { readonly port: number })[];
}

/** @throws Error where the tests were not given the generator. */
export function loadProgram(): string {
  const folder = process.env.WEIR_LOAD;
  if (folder === undefined) throw new Error('WEIR_LOAD names no folder with weir-load: run this by npm test');
  return join(folder, 'weir-load');
}

/** A load that has started its processes and waits for its signal. */
export class Load implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;
  ready!: Ready;

  private constructor(netns: TestNetns | undefined, args: readonly string[]) {
    const command = [loadProgram(), ...args];
    const entering = netns === undefined ? [] : ['ip', 'netns', 'exec', netns.name];
    const [program, ...rest] = [...entering, ...command];
    this.#child = spawn(program!, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#interface = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** @param netns Where to run; undefined: in this process's own. */
  static async prepare(netns: TestNetns | undefined, ...args: string[]): Promise<Load> {
    const load = new Load(netns, args);
    load.ready = (await load.#next()) as Ready;
    return load;
  }

  /** Lets it run to its end; everything it did. */
  async run(): Promise<LoadReport[]> {
    this.signal();
    return await this.finish();
  }

  /** Writes the line that it waits for. */
  signal(): void {
    this.#child.stdin!.write('go\n');
  }

  /** Its next line. */
  async #next(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    assert.ok(done !== true, 'the load generator ended before its time');
    return JSON.parse(value);
  }

  /** Waits for a line of the given kind. */
  async awaitKind(kind: string): Promise<LoadReport> {
    for (;;) {
      const line = (await this.#next()) as LoadReport;
      if (line.kind === kind) return line;
    }
  }

  async finish(): Promise<LoadReport[]> {
    const reports: LoadReport[] = [];
    for (;;) {
      const line = (await this.#next()) as LoadReport;
      if (line.kind === 'totals') {
        // Otherwise connections may still be ending, whose records can't have come.
        assert.notEqual(line.all_closed, false, 'the kernel was not done with all connections');
        return reports;
      }
      reports.push(line);
    }
  }

  [Symbol.dispose](): void {
    this.#interface.close();
    this.#child.kill('SIGKILL');
  }
}

/** Prepares a load and runs it. */
export async function runLoad(netns: TestNetns | undefined, ...args: string[]): Promise<LoadReport[]> {
  using load = await Load.prepare(netns, ...args);
  return await load.run();
}
