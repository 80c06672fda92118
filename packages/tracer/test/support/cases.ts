/** Runs connections of uncommon kinds (lab/load/README.md). */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ConnectionRecord, TraceRecord } from '../../src/index.js';
import { loadProgram } from './load.js';
import type { TestNetns } from './netns.js';

/** A connection that was made: its two ports, and the errno of connect(). */
export interface CaseReport {
  readonly kind: string;
  readonly pid: number;
  readonly server: number;
  readonly client: number;
  readonly error: number;
}

/** A subcommand that has started. */
export class Case {
  readonly reports: CaseReport[] = [];
  readonly #child: ReturnType<typeof spawn>;
  #onReady: () => void = () => {};
  /** Resolves when it waits for a line. */
  ready: Promise<void>;
  readonly #ended: Promise<unknown>;

  constructor(netns: TestNetns, ...args: string[]) {
    const program = join(dirname(loadProgram()), 'weir-cases');
    this.#child = spawn('ip', ['netns', 'exec', netns.name, program, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.ready = this.#nextReady();
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => {
      if (line === 'ready') this.#onReady();
      else this.reports.push(JSON.parse(line) as CaseReport);
    });
    this.#ended = Promise.all([once(lines, 'close'), once(this.#child, 'exit')]);
  }

  #nextReady(): Promise<void> {
    return new Promise((resolve) => {
      this.#onReady = resolve;
    });
  }

  /** Lets it go on until it waits once more. */
  async resume(): Promise<void> {
    this.ready = this.#nextReady();
    this.#child.stdin!.write('go\n');
    await this.ready;
  }

  /** Lets it go on, if it waits, and waits for its end. */
  async finish(): Promise<readonly CaseReport[]> {
    this.#child.stdin!.end('go\n');
    await this.#ended;
    assert.equal(this.#child.exitCode, 0, 'weir-cases failed');
    return this.reports;
  }
}

/** Runs a subcommand to its end. */
export async function runCase(netns: TestNetns, ...args: string[]): Promise<readonly CaseReport[]> {
  return await new Case(netns, ...args).finish();
}

/** The records of one end of a connection, or of both ends where it is connected to itself. */
export function recordsOf(
  records: readonly TraceRecord[],
  localPort: number,
  peerPort: number,
): readonly ConnectionRecord[] {
  return records.filter(
    (record): record is ConnectionRecord =>
      'flow_id' in record &&
      record.event !== 'udp_flow' &&
      record.local.port === localPort &&
      record.peer.port === peerPort,
  );
}
