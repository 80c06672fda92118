/** What a collector knew of open connections, as the next one finds it in its files wherever this one was killed. */
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
import { afterEach, beforeEach, describe, it } from 'node:test';
import { OpenConnections } from '../src/collector/open-connections.js';
import { OpenChanges } from '../src/collector/open-state.js';
import { OpenFiles } from '../src/handover/open-files.js';
import { type OpenPaths, readOpen } from '../src/handover/read-open.js';
import { closeRecord, connectRecord, type Simulated, simulated } from './support/connections.js';
import { KilledCollectors } from './support/killed-collectors.js';

const EPOCH = 'e'.repeat(32);
let folder = '';
let paths: OpenPaths;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-open-'));
  paths = [join(folder, 'open-0'), join(folder, 'open-1')];
});
afterEach(() => rmSync(folder, { recursive: true }));

const batch = (number: number) => ({ number, monotonicNs: number * 1e9 });
const newOpen = () => new OpenConnections(new OpenChanges());

const left = (number: number) => readOpen(paths, EPOCH, batch(number))?.take();

const ports = (number: number) =>
  left(number)
    ?.connections.map(({ identity }) => identity!.local.port - 10_000)
    .sort((a, b) => a - b);

/** Batch 1 has connection 1, batch 2 a sweep and connection 2, batch 3 the end of connection 1. */
function threeBatches(files: OpenFiles): Simulated {
  const open = newOpen();
  const [first, second] = [simulated(1, 1e9), simulated(2, 3e9)];
  open.opened(connectRecord(first));
  files.keep(batch(1), open);
  first.bytes_sent = 500;
  [...open.swept([first], 2e9, 2.1e9)];
  open.forget(true);
  open.opened(connectRecord(second));
  files.keep(batch(2), open);
  open.ended(closeRecord(first, 4e9));
  files.keep(batch(3), open);
  return second;
}

describe('what is known of open connections', () => {
  for (let round = 0; round < 20; round++)
    it(`counts every byte once, however often collectors are killed: round ${round}`, () => {
      new KilledCollectors(paths, EPOCH, round).run(400);
    });

  it('is there as it was with each batch', () => {
    const files = new OpenFiles(paths, EPOCH);
    const second = threeBatches(files);
    assert.deepEqual([ports(1), ports(2), ports(3)], [[1], [1, 2], [2]]);
    assert.deepEqual([left(0), left(4)], [undefined, undefined]);
    const [first] = left(2)!.connections;
    assert.deepEqual(
      { ...first, counted: [...first!.counted!.sums], identity: undefined },
      {
        ...{ flowId: '000000000000001.0', identity: undefined, handshakeUs: 123, accounted: undefined },
        ...{
          connectionId: undefined,
          candidates: undefined,
          counted: [500, 0, 3, 2, 0],
          rows: 1,
          isOlder: false,
        },
        ...{ untilNs: 2e9, foundNs: 2.1e9 },
      },
    );
    const { sweptNs, endedNs, hasFoundAll, connections } = left(3)!;
    assert.deepEqual([sweptNs, endedNs, hasFoundAll], [2e9, 2.1e9, true]);
    const { netns, local, peer, direction } = second;
    assert.deepEqual(connections[0]?.identity, {
      ...{ netns, local, peer, direction, interface_index: 0, inode: 0 },
      ...{ started_ns: 3e9 - 123_000, process: undefined, cgroup_id: undefined },
    });
  });

  it('has processes with names of any bytes, IPv6, interfaces and sums beyond 32 bits', () => {
    const files = new OpenFiles(paths, EPOCH);
    const open = newOpen();
    const odd: Simulated = {
      ...simulated(1, 2 ** 52),
      ...{ flow_id: 'fedcba987654321.127', interface_index: 7, cgroup_id: 2 ** 40, inode: 2 ** 33 },
      process: { pid: 4_194_304, comm: 'x\udcff"\n', start_ticks: 2 ** 35, uid: 4_294_967_295 },
      local: { address: 'fe80::1', port: 65_535 },
      bytes_sent: 2 ** 50,
    };
    const plain = { ...simulated(2, 5), flow_id: undefined, started_ns: undefined, direction: undefined };
    const connection_id = 'fedcba9876543210';
    open.opened({ ...connectRecord(odd), flow_id: odd.flow_id!, connection_id });
    [...open.swept([odd, plain], 10)];
    files.keep(batch(1), open);
    const { netns, local, peer, direction, interface_index, inode, started_ns, process, cgroup_id } = odd;
    const [known, other] = left(1)!.connections;
    assert.deepEqual(
      [known?.flowId, known?.identity, known?.counted?.sums[0]],
      [
        'fedcba987654321.127',
        { netns, local, peer, direction, interface_index, inode, started_ns, process, cgroup_id },
        2 ** 50,
      ],
    );
    assert.equal(known?.connectionId, connection_id);
    assert.deepEqual([other?.flowId, other?.isOlder, other?.identity?.local], [undefined, true, plain.local]);
  });

  it('is not believed where a byte of it is damaged, or missing', () => {
    threeBatches(new OpenFiles(paths, EPOCH));
    const whole = readFileSync(paths[0]);
    const expected = left(3);
    assert.ok(expected !== undefined);
    for (let at = 0; at < whole.length; at += 1 + (at % 5)) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      writeFileSync(paths[0], damaged);
      assert.equal(left(3), undefined, `damaged at ${at}`);
      writeFileSync(paths[0], whole.subarray(0, at));
      assert.equal(left(3), undefined, `cut off at ${at}`);
    }
    rmSync(paths[0]);
    assert.equal(left(3), undefined);
  });

  it('is of no use to another run, or with another batch of the same number', () => {
    threeBatches(new OpenFiles(paths, EPOCH));
    assert.equal(readOpen(paths, 'f'.repeat(32), batch(3)), undefined);
    assert.equal(readOpen(paths, EPOCH, { number: 3, monotonicNs: 4 }), undefined, 'another batch 3');
  });

  it('is in the first file until the batch of what is in the second one is kept', () => {
    threeBatches(new OpenFiles(paths, EPOCH));
    const found = readOpen(paths, EPOCH, batch(3))!;
    const next = newOpen();
    next.load(found.take()!);
    const files = new OpenFiles(paths, EPOCH, found);
    next.opened(connectRecord(simulated(9, 5e9)));
    files.keep(batch(4), next);
    assert.deepEqual([ports(3), ports(4)], [[2], [2, 9]]);
  });

  it('of very many connections is written in parts, and anew when the file has grown', () => {
    const files = new OpenFiles(paths, EPOCH);
    const open = newOpen();
    const live = Array.from({ length: 10_000 }, (_, id) => simulated(id, 1));
    const bytes: number[] = [];
    let number = 0;
    while (!existsSync(paths[1])) {
      for (const connection of live) connection.bytes_sent += 1 + connection.id;
      [...open.swept(live, ++number * 1e9)];
      files.keep(batch(number), open);
      bytes.push(statSync(paths[0]).size);
      assert.ok(number < 100, 'it only grows');
    }
    assert.ok(number > 3, `written anew after ${number} sweeps`);
    for (const [file, last] of [number - 1, number].entries()) {
      const found = readOpen(paths, EPOCH, batch(last))!;
      assert.equal(found.inUse, file);
      const connections = [...found.take()!.connections];
      assert.equal(connections.length, live.length);
      for (const { counted, identity, rows } of connections) {
        assert.equal(counted!.sums[0], last * (identity!.local.port - 10_000 + 1));
        assert.equal(rows, last);
      }
    }
    assert.ok(bytes[0]! < 100 * live.length, `${bytes[0]} bytes`);
  });

  it('is readable by its owner only, follows no link that somebody has put there, and is removed at the end', () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'untouched');
    for (const path of paths) symlinkSync(other, path);
    const files = new OpenFiles(paths, EPOCH);
    threeBatches(files);
    assert.equal(statSync(paths[0]).mode & 0o777, 0o600);
    assert.equal(readFileSync(other, 'utf8'), 'untouched');
    files[Symbol.dispose]();
    assert.deepEqual(paths.map(existsSync), [false, false]);
  });

  it('on a full disk is not known until a sweep can be written again', (context) => {
    const files = new OpenFiles(paths, EPOCH);
    const open = newOpen();
    const connection = simulated(1, 1);
    open.opened(connectRecord(connection));
    files.keep(batch(1), open);
    const { mock } = context.mock.method(fs, 'writevSync', () => {
      throw new Error('ENOSPC: no space left on device');
    });
    syncBuiltinESMExports();
    files.keep(batch(2), open);
    mock.restore();
    syncBuiltinESMExports();
    files.keep(batch(3), open);
    assert.equal(left(3), undefined, 'it takes long where very many are open');
    [...open.swept([connection], 10)];
    files.keep(batch(4), open);
    assert.deepEqual(ports(4), [1]);
  });
});
