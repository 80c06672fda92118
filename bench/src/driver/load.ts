/** Runs weir-load and reads what it did. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';

export interface LoadResult {
  readonly connections: number;
  readonly seconds: number;
  readonly connections_per_second: number;
}

/** The command name of connections that do not count. */
export const warmUpName = 'warm-up';

export class Load {
  readonly #program: string;
  /** All connections made so far that count. */
  connections = 0;

  constructor(program: string) {
    this.#program = program;
  }

  /**
   * So many connections one after the other, client and server on the first CPU: a guest's CPUs wake each other slowly,
   * and how often they have to is chance.
   */
  cycles(count: number): LoadResult {
    return this.#run('taskset', ['1', this.#program, 'churn', '--no-wait', '--count', String(count)]);
  }

  /** Connections that do not count. */
  warmUp(count: number): void {
    const name = ['--comm', Buffer.from(warmUpName).toString('hex')];
    execFileSync(this.#program, ['churn', '--no-wait', '--count', String(count), ...name]);
  }

  /** Connections for some seconds from two clients at a time, as many as possible unless a rate is given. */
  rate(seconds: number, connectionsPerSecond?: number): LoadResult {
    const rate =
      connectionsPerSecond === undefined ? [] : ['--connections-per-second', String(connectionsPerSecond)];
    const args = ['churn', '--no-wait', '--seconds', String(seconds), '--concurrency', '2', ...rate];
    return this.#run(this.#program, args);
  }

  /** Makes connections that do not count, until it is killed. */
  background(connectionsPerSecond: number): ChildProcess {
    const rate = ['--connections-per-second', String(connectionsPerSecond)];
    return spawn(this.#program, ['churn', '--no-wait', '--seconds', '180', ...rate], { stdio: 'ignore' });
  }

  #run(command: string, args: readonly string[]): LoadResult {
    const output = execFileSync(command, args, { encoding: 'utf8' });
    const result = JSON.parse(output.trim().split('\n').at(-1)!) as LoadResult;
    this.connections += result.connections;
    return result;
  }
}
