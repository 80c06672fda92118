import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Spool, type SpooledBatch } from '../src/spool/spool.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-spool-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(maxBytes = 1e6, fileBytes = 1000): Spool {
  return new Spool({ folder: join(folder, 'spool'), maxBytes, fileBytes });
}

function files(): string[] {
  return readdirSync(join(folder, 'spool'))
    .sort()
    .map((name) => join(folder, 'spool', name));
}

function payload(i: number): Buffer {
  return Buffer.from(`${i}:`.padEnd(100, '.'));
}

function number(batch: SpooledBatch | undefined): number | undefined {
  return batch && Number(batch.payload.toString().split(':', 1)[0]);
}

/** The numbers of all batches that are left, each released. */
function drain(spool: Spool): number[] {
  const numbers: number[] = [];
  for (let batch = spool.next(); batch !== undefined; batch = spool.next()) {
    numbers.push(number(batch)!);
    batch.release();
  }
  return numbers;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe('a spool', () => {
  it('gives batches back in their order, and removes files whose batches are stored', () => {
    using spool = open();
    for (const i of range(0, 50)) assert.ok(spool.append(payload(i)));
    assert.ok(files().length > 4);
    assert.deepEqual(drain(spool), range(0, 50));
    assert.ok(spool.isEmpty);
    assert.deepEqual(files(), []);
  });

  it('gives batches back that are appended while it is read', () => {
    using spool = open();
    for (const i of range(0, 30)) {
      spool.append(payload(2 * i));
      spool.append(payload(2 * i + 1));
      const first = spool.next();
      const second = spool.next();
      assert.deepEqual([number(first), number(second), spool.next()], [2 * i, 2 * i + 1, undefined]);
      first!.release();
      assert.ok(!spool.isEmpty);
      second!.release();
    }
    assert.ok(spool.isEmpty);
    assert.deepEqual(files(), []);
  });

  it('keeps a file until its last batch is stored', () => {
    using spool = open();
    for (const i of range(0, 3)) spool.append(payload(i));
    const batches = range(0, 3).map(() => spool.next()!);
    batches[2]!.release();
    batches[0]!.release();
    assert.equal(files().length, 1);
    batches[1]!.release();
    assert.deepEqual(files(), []);
  });

  it('is found by the next process as it was left, batches that were read and not stored included', () => {
    const killed = open();
    for (const i of range(0, 25)) killed.append(payload(i));
    range(0, 12).map(() => killed.next());
    using spool = open();
    spool.append(payload(25));
    assert.deepEqual(drain(spool), range(0, 26));
    killed[Symbol.dispose]();
  });

  it('takes no more than its bytes, and takes more when some are stored', () => {
    using spool = open(2000);
    const accepted = range(0, 40).filter((i) => spool.append(payload(i)));
    assert.deepEqual(accepted, range(0, accepted.length));
    assert.ok(spool.bytes <= 2000 && spool.bytes > 1800);
    assert.equal(
      files().reduce((sum, path) => sum + statSync(path).size, 0),
      spool.bytes,
    );
    for (const _ of range(0, 9)) spool.next()!.release();
    assert.ok(spool.append(payload(99)));
    assert.deepEqual(drain(spool), [...range(9, accepted.length), 99]);
  });

  it('puts batches of a process that ends before all others', () => {
    const first = open();
    for (const i of range(3, 6)) first.append(payload(i));
    first.prepend(range(0, 3).map(payload));
    first[Symbol.dispose]();
    using second = open();
    second.append(payload(6));
    assert.deepEqual(drain(second), range(0, 7));
  });

  it('reports half a batch that a killed process left, and gives the others back', () => {
    const killed = open();
    for (const i of range(0, 4)) killed.append(payload(i));
    killed[Symbol.dispose]();
    const [path] = files();
    truncateSync(path!, statSync(path!).size - 30);
    using spool = open();
    assert.deepEqual(drain(spool), range(0, 3));
    assert.deepEqual(spool.takeDamages(), [{ path, bytes: 124 - 30 }]);
    assert.deepEqual(files(), []);
  });

  it('reports a damaged batch, and gives those behind it back', () => {
    const killed = open();
    for (const i of range(0, 4)) killed.append(payload(i));
    killed[Symbol.dispose]();
    const [path] = files();
    const bytes = readFileSync(path!);
    bytes[8 + 124 + 60]! ^= 1;
    writeFileSync(path!, bytes);
    using spool = open();
    assert.deepEqual(drain(spool), [0, 2, 3]);
    assert.deepEqual(spool.takeDamages(), [{ path, bytes: undefined }]);
  });

  it('survives every single damaged byte, and never gives a damaged batch back', () => {
    const written = open();
    for (const i of range(0, 3)) written.append(payload(i));
    written[Symbol.dispose]();
    const [path] = files();
    const bytes = readFileSync(path!);
    for (let i = 0; i < bytes.length; i++) {
      const damaged = Buffer.from(bytes);
      damaged[i]! ^= 0x55;
      writeFileSync(path!, damaged);
      using spool = open();
      const numbers = drain(spool);
      assert.ok(numbers.length < 3 && numbers.every((number) => number < 3), `byte ${i}`);
      assert.equal(spool.takeDamages().length, 1, `byte ${i}`);
    }
  });

  it('reports a file with nothing but zeros', () => {
    open()[Symbol.dispose]();
    const path = join(folder, 'spool', '000000000001.spool');
    appendFileSync(path, Buffer.alloc(4096));
    using spool = open();
    assert.deepEqual(drain(spool), []);
    assert.deepEqual(spool.takeDamages(), [{ path, bytes: 4096 }]);
  });

  it('leaves other files of its folder alone', () => {
    open()[Symbol.dispose]();
    appendFileSync(join(folder, 'spool', 'notes.txt'), 'mine');
    using spool = open();
    spool.append(payload(0));
    drain(spool);
    assert.deepEqual(files(), [join(folder, 'spool', 'notes.txt')]);
  });

  it('opens its folder and files to their owner only', () => {
    mkdirSync(join(folder, 'spool'), { mode: 0o777 });
    chmodSync(join(folder, 'spool'), 0o777);
    using spool = open();
    spool.append(payload(0));
    assert.equal(statSync(join(folder, 'spool')).mode & 0o777, 0o700);
    assert.equal(statSync(files()[0]!).mode & 0o777, 0o600);
  });
});
