/** Connections at a steady rate, of which a test knows all that they did. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicNs } from '@weir/ebpf/sys';
import { loadProgram, type TestNetns, type Truth } from './load.js';

/** A connection, with the moments between which each of its sides ended: CLOCK_MONOTONIC, nanoseconds. */
export interface MadeConnection {
  readonly client: string;
  readonly server: string;
  readonly connectingNs: number;
  readonly closingNs: number;
  readonly closedNs: number;
  /** The same for a side that had to send its FIN again. */
  readonly resentNs: number;
  readonly sent: number;
  readonly replied: number;
}

type Reported = Truth & { readonly all_closed?: boolean } & Record<
    'connecting_ns' | 'client_closing_ns' | 'server_closing_ns',
    number
  >;

/** The kernel ends a connection some moments after the second close(). */
const ENDING_NS = 100e6;
/**
 * A FIN that gets lost is sent again 200 ms later, or more. Linux itself loses one now and then: it drops a FIN that comes while the
 * process at the other end is in the last steps of its close().
 */
const SLOW_ENDING_NS = 15e9;
const STEPS_A_SECOND = 4;
/** After these, the ports of clients are free for others at once. */
const closers = ['server', 'server', 'reset-client'];

/** Makes connections until it is stopped. */
export class SteadyLoad implements Disposable {
  readonly #made: MadeConnection[] = [];
  readonly #netns: TestNetns;
  readonly #count: number;
  readonly #startedMs = performance.now();
  readonly #running: Promise<void>;
  #isStopping = false;
  #failure: unknown;
  seconds = 0;

  constructor(netns: TestNetns, connectionsPerSecond: number) {
    this.#netns = netns;
    this.#count = Math.round(connectionsPerSecond / STEPS_A_SECOND);
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const pending = new Set<Promise<void>>();
    for (let step = 0; !this.#isStopping; step++) {
      const one = this.#step(step).then(
        () => void pending.delete(one),
        (error: unknown) => {
          this.#failure ??= error;
          this.#isStopping = true;
        },
      );
      pending.add(one);
      // A busy machine is given no more than it can do.
      if (pending.size >= 3) await Promise.race(pending);
      await sleep(this.#startedMs + ((step + 1) * 1000) / STEPS_A_SECOND - performance.now());
    }
    await Promise.all(pending);
    this.seconds = (performance.now() - this.#startedMs) / 1000;
  }

  async #step(step: number): Promise<void> {
    const [sent, replied] = [1 + (step % 700), 1 + ((step * 7) % 900)];
    const closer = closers[step % closers.length]!;
    const bytes = ['--send', `${sent}`, '--reply', `${replied}`, '--closer', closer];
    const { pairs, allClosed } = await this.#pairs(
      '--count',
      `${this.#count}`,
      '--concurrency',
      '2',
      ...bytes,
    );
    const endingNs = allClosed ? ENDING_NS : SLOW_ENDING_NS;
    const nowNs = Number(monotonicNs());
    for (const { client, server, ...times } of pairs) {
      const closing = [times.client_closing_ns, times.server_closing_ns];
      const lastNs = Math.max(...closing);
      this.#made.push({
        client: `${client.address} ${client.port}`,
        server: `${server.address} ${server.port}`,
        connectingNs: times.connecting_ns,
        closingNs: Math.min(...closing),
        closedNs: lastNs + endingNs,
        resentNs: allClosed ? nowNs : lastNs + endingNs,
        ...{ sent, replied },
      });
    }
  }

  async #pairs(...args: readonly string[]) {
    const command = ['netns', 'exec', this.#netns.name, loadProgram(), 'pairs', ...args, '--no-wait'];
    const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    assert.equal(status, 0, 'exit status of weir-load');
    const lines = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Reported);
    const pairs = lines.filter(({ kind }) => kind === 'pair');
    return { pairs, allClosed: lines.at(-1)?.all_closed === true };
  }

  /** Ends it; what it has made. */
  async stop(): Promise<readonly MadeConnection[]> {
    this.#isStopping = true;
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#made;
  }

  [Symbol.dispose](): void {
    this.#isStopping = true;
  }
}
