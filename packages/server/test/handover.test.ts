/** How a collector goes on with the run of one that was killed, or says why it begins anew. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EbpfError } from '@weir/ebpf/errors';
import { DescriptorQueue } from '@weir/ebpf/sys';
import type { TracerPosition } from '@weir/tracer';
import { OpenConnections } from '../src/collector/open-connections.js';
import { OpenChanges } from '../src/collector/open-state.js';
import type { ServeConfig } from '../src/config/serve-schema.js';
import { Checkpoint } from '../src/handover/checkpoint.js';
import {
  clearStored,
  digestOf,
  fingerprintOf,
  type Handover,
  type HandoverRequest,
  resumeRun,
} from '../src/handover/handover.js';
import { OpenFiles } from '../src/handover/open-files.js';
import { readOpen } from '../src/handover/read-open.js';
import { epochOf, resumedRun } from '../src/handover/runs.js';
import { Spool } from '../src/spool/spool.js';
import { addRows, BatchEncoder } from '../src/wire/encode-batch.js';
import { batchOf, endRow } from './support/batches.js';
import { positionAt, run, stateOf } from './support/handover.js';

const DESCRIPTION = 'programs, maps and links';

let folder = '';
let paths: HandoverRequest['paths'];
let queue: DescriptorQueue;
let said: string[];
let resumedAt: TracerPosition[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-handover-'));
  paths = {
    handover: join(folder, 'handover'),
    open: [join(folder, 'open-0'), join(folder, 'open-1')],
    spool: join(folder, 'spool'),
  };
  queue = DescriptorQueue.create();
  said = [];
  resumedAt = [];
});
afterEach(() => {
  queue[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** A collector with batches up to a number was killed, and this process is its server. */
function leave(last: number, acknowledged = 0): void {
  queue.put(DESCRIPTION, [0, 1]);
  const checkpoint = Checkpoint.create(paths.handover, { ...run, held: digestOf(DESCRIPTION) }, stateOf(0));
  checkpoint.holder = process.pid;
  for (let number = 1; number <= last; number++) {
    checkpoint.begin(stateOf(number));
    checkpoint.end(true);
  }
  checkpoint.acknowledge(acknowledged);
  checkpoint.close();
}

function spool(...numbers: number[]): void {
  const kept = new Spool({ folder: paths.spool, maxBytes: 1e6, fileBytes: 1e4 });
  for (const number of numbers) {
    const batch = batchOf(number, [endRow(number)]);
    const encoder = new BatchEncoder();
    addRows(encoder, { hosts: [], losses: [], ends: batch.ends ?? [], intervals: [], opens: [] });
    assert.ok(kept.append(encoder.finish(batch)));
  }
  kept[Symbol.dispose]();
}

function next(more: Partial<HandoverRequest> = {}): Handover | undefined {
  return resumeRun({
    ...{ paths, fingerprint: run.fingerprint, announced: undefined, fd: queue.fd, options: {} },
    isServer: (pid) => pid === process.pid,
    resume: ({ descriptors }, position) => {
      assert.equal(descriptors.length, 2);
      for (const fd of descriptors) fd[Symbol.dispose]();
      resumedAt.push(position);
      return {} as ReturnType<HandoverRequest['resume']>;
    },
    say: (line) => said.push(line),
    ...more,
  });
}

function close({ checkpoint, queue: duplicate }: Handover): void {
  checkpoint.close();
  duplicate[Symbol.dispose]();
}

describe('a handover', () => {
  it('goes on behind the last batch that is stored', () => {
    leave(2, 2);
    const handover = next();
    assert.ok(handover, String(said));
    assert.deepEqual(resumedAt, [positionAt(2)]);
    assert.equal(handover.state.number, 2);
    assert.equal(handover.holder, process.pid);
    close(handover);
    // What waits goes on waiting, should this one be killed as well.
    assert.equal(queue.peek()?.descriptors.map((fd) => fd[Symbol.dispose]()).length, 2);
  });

  it('goes on behind the last batch that is whole in the spool', () => {
    leave(3, 1);
    spool(2);
    const handover = next();
    assert.ok(handover, String(said));
    assert.deepEqual(resumedAt, [positionAt(2)], 'batch 3 was begun, and is nowhere');
    close(handover);
  });

  it('finds the queue in a server that has announced itself', () => {
    leave(1, 1);
    const checkpoint = Checkpoint.open(paths.handover)!;
    checkpoint.holder = 0;
    checkpoint.close();
    const handover = next({ announced: process.pid });
    assert.ok(handover, String(said));
    close(handover);
  });

  it('finds the queue with the service manager, which has ended the server, too', () => {
    leave(1, 1);
    const handover = next({ isServer: () => false, stored: [queue.fd] });
    assert.ok(handover, String(said));
    assert.equal(handover.holder, undefined);
    assert.deepEqual(resumedAt, [positionAt(1)]);
    close(handover);
    clearStored([queue.fd]);
    assert.equal(queue.peek(), undefined, 'nothing of a run stays with which nobody goes on');
  });

  it('does nothing, and says nothing, where no collector was killed', () => {
    assert.equal(next(), undefined);
    assert.deepEqual(said, []);
  });

  it('is refused, with the reason, where the run does not fit', () => {
    leave(3, 3);
    const refusals: [Partial<HandoverRequest>, string][] = [
      [{ fingerprint: 'others' }, 'it was of another version, or had another configuration'],
      [{ isServer: () => false }, 'its server is gone as well'],
      [
        {
          resume: ({ descriptors }) => {
            for (const fd of descriptors) fd[Symbol.dispose]();
            throw new EbpfError('events behind the position are gone');
          },
        },
        'events behind the position are gone',
      ],
    ];
    for (const [more, why] of refusals) {
      said = [];
      assert.equal(next(more), undefined);
      assert.deepEqual(said, [
        `the collector before this one did not end in order, and tracing begins anew: ${why}`,
      ]);
    }
  });

  it('is refused where a batch is stored of which no state is known', () => {
    leave(1, 7);
    assert.equal(next(), undefined);
    assert.match(said.join(), /nothing says what batch 7 had/);
  });

  it('is refused where the collector had let go of its programs', () => {
    leave(1, 1);
    queue.clear();
    assert.equal(next(), undefined);
    assert.match(said.join(), /it had ended its tracing/);
  });

  it('is refused where the server has others than it was given', () => {
    leave(1, 1);
    using other = DescriptorQueue.create();
    other.put('others', [0, 1]);
    assert.equal(next({ fd: other.fd }), undefined);
    assert.match(said.join(), /its server has other descriptors than it was given/);
    assert.deepEqual(resumedAt, []);
  });

  it('is refused where the number of the descriptor is none', () => {
    leave(1, 1);
    assert.equal(next({ fd: 1_000_000 }), undefined);
    assert.match(said.join(), /tracing begins anew: pidfd_getfd/);
  });
});

describe('what is known of open connections', () => {
  const resumed = (number: number) => {
    const handover = {
      checkpoint: { run },
      state: stateOf(number),
      open: readOpen(paths.open, run.epoch, stateOf(number)),
    };
    return resumedRun(
      handover as unknown as Handover,
      { record: { udp: false } } as ServeConfig,
      99_000_000_000n,
      1_000,
    );
  };

  it('goes on where a file has it', () => {
    new OpenFiles(paths.open, run.epoch).keep(stateOf(2), new OpenConnections(new OpenChanges()));
    const { losses, takeOpen } = resumed(2);
    assert.deepEqual(losses, []);
    assert.deepEqual(takeOpen?.(), { sweptNs: 0, endedNs: 0, hasFoundAll: false, connections: [] });
    assert.equal(takeOpen?.(), undefined, 'once');
  });

  it('is a loss with its span where no file has it, but for a run without a batch', () => {
    const { losses, takeOpen } = resumed(2);
    assert.equal(takeOpen, undefined);
    const since = BigInt(stateOf(2).time) - 1_000_000_000n;
    assert.deepEqual(
      losses.map(({ detail: _, ...loss }) => loss),
      [{ host_id: epochOf(run).host_id, since, time: 99_000_000_000n, place: 'history' }],
    );
    assert.match(String(losses[0]?.detail), /cannot be read/);
    assert.deepEqual(resumed(0).losses, []);
  });
});

describe('a fingerprint', () => {
  it('is the same for the same parts, and differs with each of them', () => {
    assert.equal(fingerprintOf('1', { a: 1 }), fingerprintOf('1', { a: 1 }));
    assert.notEqual(fingerprintOf('1', { a: 1 }), fingerprintOf('2', { a: 1 }));
    assert.notEqual(fingerprintOf('1', { a: 1 }), fingerprintOf('1', { a: 2 }));
  });
});
