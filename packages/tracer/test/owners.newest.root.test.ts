/** Owners of sockets that change hands, on a running tracer. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf/sys';
import { type Connection, type LiveConnections, Tracer } from '../src/index.js';
import { TestNetns } from './support/netns.js';
import { RawSocket } from './support/raw-sockets.js';

const PORT = 7777;
/** A holder is to be shown long before the time after which nothing but luck would show it. */
const SOON_MS = 10_000;

/** A program whose connection changes hands (lab/load/hand-over.c). */
class HandOver implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #holder = 0;

  constructor(netns: TestNetns, way: string, transport: string) {
    const program = join(process.env.WEIR_LOAD!, 'hand-over');
    this.#child = spawn('ip', ['netns', 'exec', netns.name, program, way, transport, `${PORT}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** The process that has the socket. */
  async holder(): Promise<number> {
    this.#holder = Number((await this.#lines.next()).value);
    return this.#holder;
  }

  handOver(): void {
    this.#child.stdin!.write('go\n');
  }

  [Symbol.dispose](): void {
    this.#child.kill();
    if (this.#holder > 0 && this.#holder !== this.#child.pid) process.kill(this.#holder);
  }
}

const outbound = (live: LiveConnections) => [...live].find(({ peer }) => peer.port === PORT);

async function untilHolder(live: LiveConnections, pid: number): Promise<Connection | undefined> {
  for (const deadline = Date.now() + SOON_MS; ; await sleep(100)) {
    await live.refresh();
    const connection = outbound(live);
    if (connection?.process?.pid === pid || Date.now() > deadline) return connection;
  }
}

describe('a connection that changes hands', () => {
  for (const [way, transport, name, what] of [
    ['fork', 'tcp', 'successor', 'is its new process’s once the one that opened it has forked and ended'],
    ['descriptor', 'tcp', 'successor', 'is its new process’s while the one that opened it lives on'],
    ['leader', 'tcp', 'hand-over', 'stays its process’s when the main thread ends'],
    ['fork', 'udp', 'successor', 'over UDP is its new process’s once the first has forked and ended'],
    ['descriptor', 'udp', 'successor', 'over UDP is its new process’s while the first lives on'],
  ] as const) {
    for (const since of ['before', 'after'] as const) {
      it(`${what}, opened ${since} the start`, async () => {
        using netns = new TestNetns();
        using _listener = withNetns(`/run/netns/${netns.name}`, () =>
          transport === 'tcp'
            ? RawSocket.tcp().bind('127.0.0.1', PORT).listen()
            : RawSocket.udp().bind('127.0.0.1', PORT),
        );
        const open = async () => {
          const program = new HandOver(netns, way, transport);
          return { program, first: await program.holder() };
        };
        const older = since === 'before' ? await open() : undefined;
        await using tracer = Tracer.start({ filter: { netns: [netns.inode] } });
        using live = tracer.connections();
        await live.refresh();
        const { program, first } = older ?? (await open());
        using _program = program;
        // UDP is counted from the start on.
        if (transport === 'tcp' || since === 'after') {
          assert.equal((await untilHolder(live, first))?.process?.pid, first);
        }
        program.handOver();
        const next = await program.holder();
        const connection = await untilHolder(live, next);
        assert.deepEqual(
          [connection?.process?.pid, connection?.process?.comm, connection?.process?.uid],
          [next, name, 0],
        );
      });
    }
  }
});

describe('the record of a UDP flow that changes hands', () => {
  it('names its new process once the one that began it has forked and ended', async () => {
    using netns = new TestNetns();
    // By its port: where packets do not show their network namespace, a filter for one passes no flow.
    await using tracer = Tracer.start({
      filter: { ports: [{ from: PORT, to: PORT }] },
      udp: { idleMs: 6_000 },
    });
    using _peer = withNetns(`/run/netns/${netns.name}`, () => RawSocket.udp().bind('127.0.0.1', PORT));
    using program = new HandOver(netns, 'fork', 'udp');
    await program.holder();
    program.handOver();
    const next = await program.holder();
    for await (const record of tracer) {
      if (record.event !== 'udp_flow' || record.direction !== 'outbound') continue;
      assert.deepEqual([record.process?.pid, record.process?.comm], [next, 'successor']);
      break;
    }
  });
});
