/** A tracer whose process is killed again and again: the next one goes on where it was, and no event is lost or doubled. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { features, mapFromId } from '@weir/ebpf';
import { DescriptorQueue } from '@weir/ebpf/sys';
import type { TraceRecord, TracerPosition } from '../src/index.js';
import { runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';
import type { KeptBatch } from './support/resumed-program.js';
import { atScale } from './support/scale.js';

const program = fileURLToPath(new URL('./support/resumed-program.js', import.meta.url));
const MIB = 1 << 20;

/** Processes with a tracer, one after the other, and what they have kept. */
class KilledTracer implements Disposable {
  readonly records: TraceRecord[] = [];
  readonly #netns: TestNetns;
  readonly #ringBytes: number;
  #queue: DescriptorQueue | undefined;
  #position: TracerPosition | undefined;
  #child!: ChildProcess;
  #ended!: Promise<unknown>;
  kills = 0;

  constructor(netns: TestNetns, ringBytes: number) {
    this.#netns = netns;
    this.#ringBytes = ringBytes;
  }

  /** Starts the next one, and waits until it traces. */
  async start(): Promise<void> {
    const position = this.#position === undefined ? [] : [JSON.stringify(this.#position)];
    const args = [program, String(this.#netns.inode), String(this.#ringBytes), ...position];
    const queue = this.#queue === undefined ? [] : [this.#queue.fd];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', ...queue] });
    const lines = createInterface({ input: this.#child.stdout! });
    const first = once(lines, 'line');
    const [line] = (await first) as [string];
    lines.on('line', (text) => {
      // Of a process that was killed, the last line may be cut off: it has not committed that batch.
      if (text.endsWith('}END')) this.#keep(JSON.parse(text.slice(0, -3)) as Partial<KeptBatch>);
    });
    this.#ended = Promise.all([once(lines, 'close'), once(this.#child, 'exit')]);
    const { queue: fd } = JSON.parse(line.slice(0, -3)) as { queue?: number };
    if (fd !== undefined) this.#queue = DescriptorQueue.ofProcess(this.#child.pid!, fd);
  }

  #keep({ records = [], position }: Partial<KeptBatch>): void {
    this.records.push(...records);
    this.#position = position ?? this.#position;
  }

  /** The ids of its maps. */
  get maps(): readonly number[] {
    const { description, descriptors } = this.#queue!.peek()!;
    for (const fd of descriptors) fd[Symbol.dispose]();
    return (JSON.parse(description) as { maps: { id: number }[] }).maps.map(({ id }) => id);
  }

  /** Waits until something was kept: before, there is no position. */
  async hasKept(): Promise<void> {
    while (this.#position === undefined) await sleep(5);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (signal === 'SIGKILL') this.kills++;
    this.#child.kill(signal);
    await this.#ended;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
    this.#queue?.[Symbol.dispose]();
  }
}

function isThere(id: number): boolean {
  const map = mapFromId(id);
  map?.[Symbol.dispose]();
  return map !== undefined;
}

function needsRing(t: TestContext): boolean {
  if (features.has('ringbuf')) return true;
  t.skip('needs ring buffers (Linux 5.8)');
  return false;
}

/** How often each of them comes. */
function repeated(ids: readonly string[]): string[] {
  return ids.filter((id, index) => ids.indexOf(id) !== index);
}

function closes(records: readonly TraceRecord[]) {
  return records.flatMap((record) => (record.event === 'close' ? [record] : []));
}

const losses = (records: readonly TraceRecord[]) =>
  records.reduce((sum, record) => sum + (record.event === 'lost' ? record.count : 0), 0);

describe('a resumed tracer', () => {
  it('has each event once, however often its process was killed', async (t) => {
    if (!needsRing(t)) return;
    using netns = new TestNetns();
    using tracer = new KilledTracer(netns, 8 * MIB);
    await tracer.start();
    const COUNT = atScale(4_000);
    let isOver = false;
    const load = runLoad(netns, 'pairs', '--count', `${COUNT}`, '--send', '700', '--reply', '90').finally(
      () => {
        isOver = true;
      },
    );
    await tracer.hasKept();
    while (!isOver || tracer.kills < 3) {
      await sleep(Math.random() * 300);
      await tracer.kill();
      await tracer.start();
    }
    const made = await load;
    await sleep(100);
    await tracer.kill('SIGTERM');
    t.diagnostic(`${tracer.kills} kills, ${tracer.records.length} records`);
    const found = closes(tracer.records);
    assert.deepEqual(repeated(found.map(({ flow_id }) => flow_id)), []);
    assert.equal(found.length, 2 * made.length);
    assert.equal(losses(tracer.records), 0);
    const bytes = found.reduce((sum, { bytes_sent = 0 }) => sum + bytes_sent, 0);
    assert.equal(bytes, made.length * 790);
    const opens = tracer.records.filter(({ event }) => event === 'connect');
    assert.equal(opens.length, made.length);
  });

  it('counts what a full ring lost while no process read it', async (t) => {
    if (!needsRing(t)) return;
    using netns = new TestNetns();
    using tracer = new KilledTracer(netns, MIB / 8);
    await tracer.start();
    await runLoad(netns, 'pairs', '--count', '10');
    await tracer.hasKept();
    await sleep(300);
    await tracer.kill();
    // Each has four events of 224 bytes in the ring.
    const made = await runLoad(netns, 'pairs', '--count', '500');
    await tracer.start();
    await sleep(300);
    await tracer.kill();
    await tracer.start();
    await tracer.kill('SIGTERM');
    const events = tracer.records.filter(({ event }) => event !== 'lost').length;
    assert.ok(losses(tracer.records) > 1_000);
    assert.equal(events + losses(tracer.records), 4 * (10 + made.length));
    assert.deepEqual(repeated(closes(tracer.records).map(({ flow_id }) => flow_id)), []);
  });

  it('leaves nothing in the kernel once nobody keeps its descriptors', async (t) => {
    if (!needsRing(t)) return;
    using netns = new TestNetns();
    let maps: readonly number[] = [];
    {
      using tracer = new KilledTracer(netns, MIB);
      await tracer.start();
      await runLoad(netns, 'pairs', '--count', '10');
      await tracer.hasKept();
      await tracer.kill();
      maps = tracer.maps;
      assert.ok(maps.length > 5);
      for (const id of maps) mapFromId(id)![Symbol.dispose]();
    }
    const left = () => maps.filter(isThere);
    for (const deadline = Date.now() + 60_000; left().length > 0 && Date.now() < deadline; ) await sleep(20);
    assert.deepEqual(left(), []);
  });
});
