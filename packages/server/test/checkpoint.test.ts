/** The file of a collector's run, as the next collector finds it wherever this one was killed. */
import assert from 'node:assert/strict';
import fs, {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { Checkpoint } from '../src/handover/checkpoint.js';
import { run, stateOf } from './support/handover.js';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-checkpoint-'));
  path = join(folder, 'handover');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A batch goes where it outlives the collector. */
function keep(checkpoint: Checkpoint, number: number, isSafe = true): void {
  checkpoint.begin(stateOf(number));
  checkpoint.end(isSafe);
}

/** All writing fails, until the result is called. */
function fillDisk(context: TestContext): () => void {
  const { mock } = context.mock.method(fs, 'writeSync', () => {
    throw new Error('ENOSPC: no space left on device');
  });
  syncBuiltinESMExports();
  return () => {
    mock.restore();
    syncBuiltinESMExports();
  };
}

/** Opens it as the next collector does. */
function opened<T>(look: (checkpoint: Checkpoint | undefined) => T): T {
  const checkpoint = Checkpoint.open(path);
  try {
    return look(checkpoint);
  } finally {
    checkpoint?.close();
  }
}

describe('a checkpoint', () => {
  it('has its run, its holder, and the states of the last two batches', () => {
    const checkpoint = Checkpoint.create(path, run, stateOf(0));
    checkpoint.holder = 4711;
    for (const number of [1, 2, 3]) keep(checkpoint, number);
    checkpoint.acknowledge(2);
    checkpoint.acknowledge(1);
    checkpoint.close();
    opened((found) => {
      assert.deepEqual(found?.run, run);
      assert.equal(found.holder, 4711);
      assert.equal(found.acknowledged, 2);
      assert.deepEqual(
        [1, 2, 3, 4].map((number) => found.state(number)?.number),
        [undefined, 2, 3, undefined],
      );
      assert.deepEqual(found.state(3), stateOf(3));
    });
  });

  it('is readable by its owner only, and follows no link that somebody has put in its place', () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'untouched');
    symlinkSync(other, `${path}.new`);
    Checkpoint.create(path, run, stateOf(0)).close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(readFileSync(other, 'utf8'), 'untouched');
    rmSync(path);
    symlinkSync(other, path);
    opened((found) => assert.equal(found, undefined));
  });

  it('is gone once its run has ended in order', () => {
    Checkpoint.create(path, run, stateOf(0))[Symbol.dispose]();
    assert.equal(existsSync(path), false);
    opened((found) => assert.equal(found, undefined));
  });

  it('is of no use while a batch is only in memory', () => {
    const checkpoint = Checkpoint.create(path, run, stateOf(0));
    keep(checkpoint, 1, false);
    opened((found) => assert.equal(found, undefined));
    keep(checkpoint, 2);
    opened((found) => assert.equal(found?.state(2)?.number, 2));
    checkpoint.close();
  });

  it('that was cut off at any byte is of no use, or has a whole state', () => {
    const checkpoint = Checkpoint.create(path, run, stateOf(0));
    keep(checkpoint, 1);
    checkpoint.close();
    const whole = readFileSync(path);
    // The first page has the run; the end has the state of batch 1.
    const lengths = [
      ...range(0, 5000),
      ...range(1 << 20, (1 << 20) + 600),
      ...range(whole.length - 600, whole.length),
    ];
    for (const length of lengths) {
      writeFileSync(path, whole.subarray(0, length));
      opened((found) => {
        for (const number of [0, 1])
          assert.ok([undefined, number].includes(found?.state(number)?.number), `cut off at ${length}`);
        assert.equal(found?.state(1), undefined, `cut off at ${length}`);
      });
    }
  });

  it('with a damaged state has the one before', () => {
    const checkpoint = Checkpoint.create(path, run, stateOf(0));
    keep(checkpoint, 1);
    keep(checkpoint, 2);
    checkpoint.close();
    const whole = readFileSync(path);
    // That of batch 2, which is even.
    for (let at = 1 << 20; at < (1 << 20) + 200; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x55;
      writeFileSync(path, damaged);
      opened((found) => {
        assert.equal(found?.state(2), undefined, `damaged at ${at}`);
        assert.deepEqual(found?.state(1), stateOf(1));
      });
    }
  });

  it('on a full disk is of no use until a state can be written again', (context) => {
    const checkpoint = Checkpoint.create(path, run, stateOf(0));
    const makeRoom = fillDisk(context);
    keep(checkpoint, 1);
    checkpoint.acknowledge(1);
    checkpoint.holder = 1;
    makeRoom();
    opened((found) => assert.equal(found?.state(1), undefined));
    checkpoint.end(true);
    opened((found) => assert.equal(found, undefined));
    keep(checkpoint, 2);
    opened((found) => assert.deepEqual(found?.state(2), stateOf(2)));
    checkpoint.close();
  });

  it('that cannot be made leaves nothing, and the earlier one as it was', (context) => {
    Checkpoint.create(path, run, stateOf(0)).close();
    const makeRoom = fillDisk(context);
    assert.throws(() => Checkpoint.create(path, { ...run, epoch: 'another' }, stateOf(0)), /ENOSPC/);
    makeRoom();
    assert.equal(existsSync(`${path}.new`), false);
    opened((found) => assert.deepEqual(found?.run, run));
  });

  it('stays where a disk that can only be read keeps it, and the run ends in order', (context) => {
    const checkpoint = Checkpoint.create(path, run, stateOf(0));
    const { mock } = context.mock.method(fs, 'rmSync', () => {
      throw new Error('EROFS: read-only file system');
    });
    syncBuiltinESMExports();
    checkpoint[Symbol.dispose]();
    mock.restore();
    syncBuiltinESMExports();
    assert.equal(mock.callCount(), 1);
    assert.ok(existsSync(path));
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
