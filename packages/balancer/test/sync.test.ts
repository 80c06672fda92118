/** Flows that balancers share: datagrams, hostile ones, replays, keys, and two ends on loopback. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Flow } from '../src/index.js';
import { FlowSync } from '../src/sync/flow-sync.js';
import type { Removal } from '../src/sync/removal.js';
import { lostOf, ReplayGuard, TIME_WINDOW_MS } from '../src/sync/replay-guard.js';
import { readSyncKeys } from '../src/sync/sync-key.js';
import {
  decodeSync,
  encodeSync,
  encodeSyncRemoval,
  flowBytes,
  type SharedFlow,
  SYNC_OVERHEAD,
} from '../src/sync/sync-message.js';
import type { SyncedBalancer, SyncOptions } from '../src/sync/sync-options.js';

const key = Buffer.alloc(32, 7);
const header = { kind: 'flows', boot: '0123456789abcdef', sequence: 5, timeMs: 1_700_000_000_000 } as const;
const flow4: SharedFlow = {
  source: '192.0.2.7',
  sourcePort: 31_337,
  destination: '198.51.100.1',
  destinationPort: 443,
  protocol: 'tcp',
  real: '10.0.0.1',
  byRule: false,
  idleMs: 0,
};
const flow6: SharedFlow = {
  ...flow4,
  source: '2001:db8::7',
  destination: '2001:db8::1',
  real: 'fd00::1',
  protocol: 'udp',
  byRule: true,
  idleMs: 3000,
};
const mixed: SharedFlow = { ...flow6, real: '10.0.0.2', destinationPort: 0 };

function hmac(bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}

function accepted(bytes: Buffer, keys: readonly Uint8Array[] = [key]) {
  const message = decodeSync(bytes, keys);
  assert.ok(typeof message === 'object', String(message));
  return message;
}

it('a datagram comes out as it went in, with the announced bytes', () => {
  const flows = [flow4, flow6, mixed];
  const bytes = encodeSync(header, flows, key);
  assert.equal(bytes.length, SYNC_OVERHEAD + flows.reduce((sum, flow) => sum + flowBytes(flow), 0));
  const { flows: found, ...rest } = accepted(bytes);
  assert.deepEqual(rest, header);
  assert.deepEqual(
    found.map((flow) => ({
      ...flow,
      source: short(flow.source),
      destination: short(flow.destination),
      real: short(flow.real),
    })),
    flows,
  );
  assert.equal(flowBytes(flow4), 19);
});

function short(address: string): string {
  return address.replace(/(:0)+:/, '::');
}

it('another key, another version and any changed bit are refused', () => {
  const bytes = encodeSync(header, [flow4, flow6], key);
  assert.equal(decodeSync(bytes, [Buffer.alloc(32, 8)]), 'key');
  assert.equal(accepted(bytes, [Buffer.alloc(32, 8), key]).flows.length, 2);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(typeof decodeSync(changed, [key]), 'string', `bit ${bit}`);
  }
  for (let end = 0; end < bytes.length; end++)
    assert.equal(typeof decodeSync(bytes.subarray(0, end), [key]), 'string', `${end} bytes`);
});

it('random bytes are refused, and signed random bytes do no more than that', () => {
  for (let i = 0; i < 5000; i++) {
    const bytes = randomBytes(i % 300);
    assert.equal(typeof decodeSync(bytes, [key]), 'string');
    const signed = encodeSync(header, [], key).subarray(0, 32);
    const body = Buffer.concat([signed, bytes]);
    body.writeUInt16BE(i % 7, 4);
    body[3] = i % 5;
    const whole = Buffer.concat([body, hmac(body)]);
    const message = decodeSync(whole, [key]);
    if (typeof message === 'object')
      assert.equal(message.flows.length, message.kind === 'remove' ? 0 : i % 7);
    else assert.equal(message, 'malformed');
  }
});

it('each datagram counts once, in any order within the window, and gaps are counted', () => {
  const guard = new ReplayGuard();
  const at = (sequence: number) => guard.admit({ boot: 'a', sequence, timeMs: 1000 }, 1000);
  for (const sequence of [10, 12, 11, 15]) assert.equal(typeof at(sequence), 'object');
  for (const sequence of [10, 11, 12, 15]) assert.equal(at(sequence), 'replay');
  assert.equal(lostOf(guard.senders()[0]!), 2);
  assert.equal(typeof at(13), 'object');
  assert.equal(typeof at(200), 'object');
  assert.equal(at(200 - 64), 'replay');
  assert.equal(typeof at(200 - 63), 'object');
  assert.equal(at(200 - 63), 'replay');
});

it('a datagram of another time is refused, and so is an old one of a sender that was forgotten', () => {
  const guard = new ReplayGuard();
  const old = { boot: 'a', sequence: 1, timeMs: 100_000 };
  assert.equal(guard.admit(old, 100_000 + TIME_WINDOW_MS + 1), 'time');
  assert.equal(guard.admit(old, 100_000 - TIME_WINDOW_MS - 1), 'time');
  assert.equal(typeof guard.admit(old, 100_000), 'object');
  for (let i = 0; i < 63; i++) assert.equal(typeof guard.admit({ ...old, boot: `b${i}` }, 100_000), 'object');
  assert.equal(guard.admit({ ...old, boot: 'c' }, 100_000), 'senders');
  const later = 100_000 + 3 * TIME_WINDOW_MS;
  assert.equal(typeof guard.admit({ boot: 'c', sequence: 1, timeMs: later }, later), 'object');
  assert.equal(guard.admit(old, later), 'time');
});

it('a key file that others may read, a link, or one without a whole key is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sync-key-'));
  const path = join(folder, 'key');
  try {
    writeFileSync(path, `# first\n${'ab'.repeat(32)}\n${'cd'.repeat(40)}\n`, { mode: 0o600 });
    assert.deepEqual(
      readSyncKeys(path).map(({ length }) => length),
      [32, 40],
    );
    chmodSync(path, 0o640);
    assert.throws(() => readSyncKeys(path), /others may read/);
    chmodSync(path, 0o600);
    symlinkSync(path, join(folder, 'link'));
    assert.throws(() => readSyncKeys(join(folder, 'link')), /ELOOP/);
    execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);
    assert.throws(() => readSyncKeys(join(folder, 'pipe')), /expected a file with keys/);
    for (const bad of ['', 'ab\n', `${'zz'.repeat(32)}\n`]) {
      writeFileSync(path, bad);
      assert.throws(() => readSyncKeys(path), /expected a key of 32 bytes/);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A balancer that knows flows, and notes those that it learns. */
class FakeBalancer implements SyncedBalancer {
  fresh: SharedFlow[] = [];
  known: SharedFlow[] = [];
  readonly learned: SharedFlow[] = [];
  readonly removed: Removal[] = [];
  /** What the next calls fail with. */
  failures: Error[] = [];

  newFlowsLost(): number {
    return 0;
  }

  newFlows(): SharedFlow[] {
    this.#fail();
    return this.fresh.splice(0);
  }

  learnFlows(flows: readonly SharedFlow[]) {
    this.#fail();
    this.learned.push(...flows);
    return { applied: flows.length, unknownVip: 0, unknownReal: 0 };
  }

  async *flows() {
    yield { flows: this.known.map((flow) => ({ ...flow, state: 'known' as const })), walked: 1, places: 1 };
  }

  async removeFlow(flow: Flow): Promise<number> {
    this.#fail();
    this.removed.push({ flow });
    return 1;
  }

  async *removeFlows(filter: object) {
    this.removed.push(filter as Removal);
    yield { removed: 1, walked: 1, places: 1 };
  }

  #fail(): void {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(10)) assert.ok(Date.now() < deadline, what);
}

const base: Omit<SyncOptions, 'listen' | 'peers'> = {
  keys: [key],
  refresh: 3_600_000,
  rate: 100_000,
  mtu: 1500,
  log: (line) => assert.fail(line),
};

/** Two addresses of loopback with a port that is free on both. */
async function twoEnds() {
  const socket = createSocket('udp4').bind(0, '0.0.0.0');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(() => closed()));
  return [
    { host: '127.0.0.1', port },
    { host: '127.0.0.2', port },
  ] as const;
}

const removals: readonly Removal[] = [
  {
    flow: {
      source: '192.0.2.7',
      sourcePort: 5,
      destination: '198.51.100.1',
      destinationPort: 443,
      protocol: 'udp',
    },
  },
  {
    flow: {
      source: '2001:db8::7',
      sourcePort: 5,
      destination: '2001:db8::1',
      destinationPort: 0,
      protocol: 'tcp',
    },
  },
  { service: { address: '198.51.100.1', port: 80, protocol: 'tcp' } },
  { service: { address: '198.51.100.0/24', port: 0, protocol: 'udp' }, real: '10.0.0.1' },
  {
    service: { address: '2001:db8::/32', port: 80, protocol: 'tcp' },
    real: 'fd00::1',
  },
];

it('removals come out as they went in, and no other bytes are one', () => {
  for (const removal of removals) {
    const bytes = encodeSyncRemoval(header, removal, key);
    const message = accepted(bytes);
    assert.deepEqual([message.kind, message.removal, message.flows], ['remove', removal, []]);
    const body = bytes.subarray(0, -32);
    for (const other of [body.subarray(0, -1), Buffer.concat([body, Buffer.alloc(1)])])
      assert.equal(decodeSync(Buffer.concat([other, hmac(other)]), [key]), 'malformed');
  }
});

it('removals come to a peer, which does not send them on', async () => {
  const [one, two] = [new FakeBalancer(), new FakeBalancer()];
  const [listen1, listen2] = await twoEnds();
  await using second = await FlowSync.start(two, { ...base, listen: listen2, peers: [listen1] });
  await using first = await FlowSync.start(one, { ...base, listen: listen1, peers: [listen2] });
  for (const removal of removals) first.remove(removal);
  await until(() => two.removed.length >= 2 * removals.length, 'each removal twice');
  assert.deepEqual(two.removed, [...removals, ...removals]);
  assert.equal(second.status().removals, 2 * removals.length);
  assert.deepEqual(one.removed, []);
});

it('flows go on being shared after the balancer has failed, and the failure is logged once', async () => {
  const [one, two] = [new FakeBalancer(), new FakeBalancer()];
  const [listen1, listen2] = await twoEnds();
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  one.failures = [new Error('no memory'), new Error('no memory')];
  await using _ = await FlowSync.start(two, { ...base, log, listen: listen2, peers: [listen1] });
  await using first = await FlowSync.start(one, { ...base, log, listen: listen1, peers: [listen2] });
  await until(() => one.failures.length === 0, 'both failures');
  two.failures = [new Error('map full')];
  one.fresh = [flow4];
  await until(() => lines.includes('sync: map full'), 'the failure of the receiver');
  one.fresh = [flow6];
  await until(() => two.learned.length > 0, 'a flow after the failure');
  assert.equal(lines.filter((line) => line === 'sync: no memory').length, 1);
  assert.equal(first.status().failed, 0);
});

it('new flows come to a peer, and a newcomer gets a copy; without the key nothing does', async () => {
  const [one, two] = [new FakeBalancer(), new FakeBalancer()];
  const many = Array.from({ length: 500 }, (_, i) => ({ ...flow4, sourcePort: i + 1 }));
  one.known = many;
  const [listen1, listen2] = await twoEnds();
  await using first = await FlowSync.start(one, { ...base, listen: listen1, peers: [listen2] });
  await using second = await FlowSync.start(two, { ...base, listen: listen2, peers: [listen1] });
  await until(() => two.learned.length >= 500, 'the copy');
  assert.deepEqual(
    new Set(two.learned.map(({ sourcePort }) => sourcePort)),
    new Set(many.map(({ sourcePort }) => sourcePort)),
  );
  one.fresh = [flow6];
  await until(() => two.learned.length >= 501, 'the new flow');
  const { peers, sentDatagrams, sentFlows } = first.status();
  assert.deepEqual([sentFlows, peers.length, peers[0]!.lost], [501, 1, 0]);
  assert.ok(sentDatagrams >= 8, `${sentDatagrams}`);
  assert.equal(second.status().learned.applied, 501);
  const stranger = { ...base, keys: [Buffer.alloc(32, 1)] };
  await using third = await FlowSync.start(new FakeBalancer(), {
    ...stranger,
    listen: { host: '127.0.0.3', port: listen1.port },
    peers: [listen2],
  });
  await until(() => second.status().refused.key > 0, 'the refusal');
  assert.equal(third.status().receivedFlows, 0);
});

it('no more flows than the rate are sent', async () => {
  const one = new FakeBalancer();
  one.fresh = Array.from({ length: 5000 }, (_, i) => ({ ...flow4, sourcePort: i + 1 }));
  const peers = [{ host: '127.0.0.9', port: 9 }];
  await using sync = await FlowSync.start(one, {
    ...base,
    rate: 1000,
    listen: { host: '127.0.0.1', port: 0 },
    peers,
  });
  await until(() => sync.status().rateLimited > 0, 'the limit');
  const { sentFlows, rateLimited } = sync.status();
  assert.equal(sentFlows + rateLimited, 5000);
  assert.ok(sentFlows >= 1000 && sentFlows < 5000, `${sentFlows}`);
});
