import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Backlog } from '../src/spool/backlog.js';
import { BatchSender } from '../src/spool/batch-sender.js';
import { Spool, type SpoolOptions } from '../src/spool/spool.js';
import { decodeBatch } from '../src/wire/decode-batch.js';
import { at, contentOf, endRow, epoch } from './support/batches.js';
import { randomNumbers } from './support/random.js';

let folder = '';
const problems: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-backlog-'));
  problems.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function openSpool(maxBytes = 1e6): Spool {
  return new Spool({ folder, maxBytes, fileBytes: 4000 });
}

function setUp(memoryBytes: number, spool?: Spool) {
  const onProblem = (message: string) => problems.push(message);
  const backlog = new Backlog({ memoryBytes, onProblem, ...(spool !== undefined && { spool }) });
  return { backlog, sender: new BatchSender(epoch, backlog) };
}

/** Sends batches with one connection each. */
function send(sender: BatchSender, from: number, to: number): boolean[] {
  return range(from, to).map((i) => sender.send(contentOf(i, [endRow(i)])));
}

/** What another process would find. */
function drainCopy(path: string, options: SpoolOptions) {
  const copy = mkdtempSync(join(tmpdir(), 'weir-copy-'));
  try {
    cpSync(path, copy, { recursive: true });
    using found = new Spool({ ...options, folder: copy });
    return drain(setUp(1e6, found).backlog);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** What a server gets: every batch, acknowledged at once. */
function drain(backlog: Backlog) {
  const batches = [];
  for (let entry = backlog.next(); entry !== undefined; entry = backlog.next()) {
    const batch = decodeBatch(entry.payload);
    batches.push(batch);
    backlog.acknowledge(batch.epoch, batch.number);
  }
  return batches;
}

function connections(batches: ReturnType<typeof drain>): number[] {
  return batches.flatMap(({ ends = [] }) => ends.map(({ monotonic_ns }) => monotonic_ns - 1_000_000_000));
}

describe('a backlog', () => {
  it('gives batches in their order from memory and from the spool', () => {
    using spool = openSpool();
    const { backlog, sender } = setUp(10_000, spool);
    assert.ok(send(sender, 0, 40).every(Boolean));
    assert.ok(backlog.memoryBytes <= 10_000 && backlog.spoolBytes > 20_000);
    const batches = drain(backlog);
    assert.deepEqual(connections(batches), range(0, 40));
    assert.deepEqual(
      batches.map(({ number }) => number),
      range(1, 41),
    );
    assert.ok(backlog.isEmpty);
  });

  it('holds no more in memory while it is read from the spool than it may', () => {
    using spool = openSpool();
    const { backlog, sender } = setUp(10_000, spool);
    send(sender, 0, 100);
    while (backlog.next() !== undefined);
    assert.ok(backlog.memoryBytes < 15_000, `${backlog.memoryBytes}`);
    backlog.rewind();
    assert.deepEqual(connections(drain(backlog)), range(0, 100));
  });

  it('gives what was not acknowledged again after a lost connection', () => {
    const { backlog, sender } = setUp(1e6);
    send(sender, 0, 10);
    for (const _ of range(0, 6)) backlog.next();
    backlog.acknowledge(epoch.epoch, 4);
    backlog.rewind();
    send(sender, 10, 12);
    assert.deepEqual(connections(drain(backlog)), range(4, 12));
  });

  it('gives batches in their order whatever the moments of sending, losing the connection and acknowledging', () => {
    const random = randomNumbers(1);
    for (let run = 0; run < 20; run++) {
      using spool = openSpool();
      const { backlog, sender } = setUp(5000, spool);
      let sent = 0;
      let stored = 0;
      const inFlight: number[] = [];
      for (let step = 0; step < 300; step++) {
        const action = random(10);
        if (action < 3) send(sender, sent, ++sent);
        else if (action < 6) inFlight.push(backlog.next()?.summary.number ?? 0);
        else if (action < 9 && inFlight.length > 0) {
          const number = inFlight.shift()!;
          if (number === 0) continue;
          // A server drops what it has stored already.
          assert.ok(number <= stored + 1, `${number} after ${stored}`);
          stored = Math.max(stored, number);
          backlog.acknowledge(epoch.epoch, number);
        } else if (action === 9) {
          inFlight.length = 0;
          backlog.rewind();
        }
      }
      backlog.rewind();
      assert.deepEqual(connections(drain(backlog)), range(stored, sent));
      assert.ok(backlog.isEmpty);
    }
  });

  it('leaves what is in memory to the next process, before what is in the spool already', () => {
    {
      using spool = openSpool();
      const { backlog, sender } = setUp(6000, spool);
      send(sender, 0, 20);
      backlog.next();
      backlog.acknowledge(epoch.epoch, 1);
      assert.ok(backlog.persist());
    }
    using spool = openSpool();
    const next = { ...epoch, epoch: 'f'.repeat(32) };
    const { backlog } = setUp(6000, spool);
    const sender = new BatchSender(next, backlog);
    send(sender, 20, 22);
    const batches = drain(backlog);
    assert.deepEqual(connections(batches), range(1, 22));
    assert.deepEqual(batches.at(-1)!.epoch, next.epoch);
  });

  it('is whole in the spool at any moment, and in order whatever comes then', () => {
    for (const [acknowledged, memoryBytes] of [0, 1, 3, 20].flatMap((n) =>
      [3000, 6000, 1e6].map((m) => [n, m]),
    )) {
      const left = mkdtempSync(join(folder, 'killed-'));
      const options = { folder: left, maxBytes: 1e6, fileBytes: 4000 };
      using spool = new Spool(options);
      const { backlog, sender } = setUp(memoryBytes!, spool);
      // As if it was killed now: another process reads the same files.
      const assertFound = (expected: number[]) =>
        assert.deepEqual(connections(drainCopy(left, options)), expected);
      send(sender, 0, 4);
      for (const _ of range(0, 2)) backlog.next();
      assertFound(range(0, 4));
      backlog.rewind();
      send(sender, 4, 20);
      assertFound(range(0, 20));
      for (const _ of range(0, acknowledged!)) {
        const { summary } = backlog.next()!;
        backlog.acknowledge(summary.epoch, summary.number);
      }
      send(sender, 20, 30);
      const found = connections(drainCopy(left, options));
      // What has been stored may be found again: it is dropped.
      assert.deepEqual(found.slice(-(30 - acknowledged!)), range(acknowledged!, 30));
      assert.deepEqual(connections(drain(backlog)), range(acknowledged!, 30));
      assert.deepEqual(
        readdirSync(left).filter((name) => name.endsWith('.spool')),
        [],
      );
    }
  });

  it('keeps in memory what the spool cannot take, and puts it there in order when it can', () => {
    using spool = openSpool();
    const { backlog, sender } = setUp(1e6, spool);
    send(sender, 0, 2);
    rmSync(folder, { recursive: true });
    assert.ok(send(sender, 2, 5).every(Boolean));
    mkdirSync(folder);
    assert.ok(send(sender, 5, 8).every(Boolean));
    assert.ok(backlog.persist());
    const options = { folder, maxBytes: 1e6, fileBytes: 4000 };
    assert.deepEqual(connections(drainCopy(folder, options)), range(0, 8));
    assert.deepEqual(connections(drain(backlog)), range(0, 8));
  });

  it('cannot keep what is in memory without a spool, and says so', () => {
    const { backlog, sender } = setUp(1e6);
    send(sender, 0, 1);
    assert.ok(!backlog.persist());
  });

  it('goes on where its spool cannot be written to, and reports it', () => {
    using spool = openSpool();
    const { backlog, sender } = setUp(3000, spool);
    rmSync(folder, { recursive: true });
    const kept = send(sender, 0, 10);
    assert.ok(kept[0] && !kept[9]);
    assert.match(problems[0]!, /^the spool cannot be used: ENOENT/);
    assert.equal(connections(drain(backlog)).length, kept.filter(Boolean).length);
  });
});

describe('batches for which there is no room', () => {
  it('are counted in the history, to the row, with the time in which that was', () => {
    const { backlog, sender } = setUp(7000);
    const kept = send(sender, 0, 20).filter(Boolean).length;
    assert.equal(sender.lostRows, 20 - kept);
    drain(backlog);
    send(sender, 20, 21);
    const [batch] = drain(backlog);
    assert.equal(batch!.number, kept + 1);
    assert.deepEqual(batch!.losses, [
      {
        host_id: epoch.host_id,
        since: at(kept - 1),
        time: at(19),
        count: 20 - kept,
        place: 'history',
        detail: 'rows of ends: no room while no server took them',
      },
    ]);
    send(sender, 21, 22);
    assert.equal(drain(backlog)[0]!.losses, undefined);
  });

  it('lose neither the losses nor the host that were in them', () => {
    const { backlog, sender } = setUp(3000);
    const host = { host_id: epoch.host_id, time: at(0), name: 'a', boot_id: 'b' };
    const ring = (i: number) => ({ time: at(i), since: at(i - 1), count: i, place: 'ring' });
    send(sender, 0, 5);
    for (const i of [6, 7]) sender.send({ ...contentOf(i, [endRow(i)]), hosts: [host], losses: [ring(i)] });
    drain(backlog);
    sender.send({ ...contentOf(8, []), losses: [ring(8)] });
    const [batch] = drain(backlog);
    assert.deepEqual(batch!.hosts, [host, host]);
    assert.deepEqual(
      batch!.losses!.filter(({ place }) => place === 'ring'),
      [{ time: at(7), since: at(5), count: 13, place: 'ring' }, ring(8)],
    );
  });

  it('of a server that rejects them are counted as well', () => {
    const { backlog, sender } = setUp(1e6);
    send(sender, 0, 2);
    backlog.next();
    sender.rejected(backlog.rejectFirst()!.summary, 'why');
    send(sender, 2, 3);
    const batches = drain(backlog);
    assert.deepEqual(connections(batches), [1, 2]);
    assert.deepEqual(batches[1]!.losses, [
      {
        host_id: epoch.host_id,
        time: at(0),
        count: 1,
        place: 'history',
        detail: 'rows of ends: the server rejected a batch: why',
      },
    ]);
  });
});
