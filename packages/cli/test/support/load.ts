/** Network namespaces of a test's own, and connections in them by the load generator (lab/load/README.md). */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export interface End {
  readonly pid: number;
  readonly tid: number;
  readonly address: string;
  readonly port: number;
}

/** What the generator says of one connection or attempt. */
export interface Truth {
  readonly kind: string;
  readonly client: End;
  readonly server: End;
  readonly peer?: { readonly address: string; readonly port: number };
  readonly bytes_client_to_server: number;
  readonly bytes_server_to_client: number;
  readonly error?: string;
}

export function loadProgram(): string {
  const folder = process.env.WEIR_LOAD;
  assert.ok(folder !== undefined, 'WEIR_LOAD names no folder with weir-load: run this by npm test');
  return join(folder, 'weir-load');
}

let count = 0;

/** A network namespace with its loopback device up; removed when disposed of. */
export class TestNetns implements Disposable {
  readonly name = `weir-cli-${process.pid}-${count++}`;
  /** What records show as `netns`. */
  readonly inode: number;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.inode = statSync(`/run/netns/${this.name}`).ino;
    execFileSync('ip', ['-n', this.name, 'link', 'set', 'lo', 'up']);
  }

  /** Runs a load in it to its end; what it did, without the totals. */
  load(...args: string[]): Promise<Truth[]> {
    return this.loadBy(loadProgram(), ...args);
  }

  /** The same by a copy of the program. */
  async loadBy(program: string, ...args: string[]): Promise<Truth[]> {
    const child = spawn('ip', ['netns', 'exec', this.name, program, ...args, '--no-wait'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    assert.equal(status, 0, 'exit status of weir-load');
    const lines = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Truth & { all_closed?: boolean });
    assert.notEqual(lines.at(-1)?.all_closed, false, 'the kernel was not done with all connections');
    return lines.filter(({ kind }) => kind === 'pair' || kind === 'attempt');
  }

  [Symbol.dispose](): void {
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}
