import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FormatError } from '@weir/ebpf/errors';
import { openUnixListener } from '@weir/ebpf/sys';
import type { Batch } from '@weir/history/schema';
import {
  type BatchStore,
  type ConnectionState,
  IngestClient,
  IngestServer,
  type LookupAnswer,
  type LookupRequest,
} from '../src/ingest/index.js';
import { jsonFrame } from '../src/wire/frame.js';
import { contentOf, endRow, epoch } from './support/batches.js';
import { randomNumbers } from './support/random.js';

const versions = { protocols: [1, 1], version: '0.1.0', schema: 1 } as const;
let folder = '';
let problems: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-ingest-'));
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A store in memory that outlives servers. */
class MemoryStore implements BatchStore {
  readonly batches: Batch[] = [];
  /** Called before a batch is stored. */
  before: (batch: Batch) => void | Promise<void> = () => {};

  lastNumber(epoch: string): number {
    return Math.max(0, ...this.batches.filter((batch) => batch.epoch === epoch).map(({ number }) => number));
  }

  async append(batch: Batch): Promise<boolean> {
    await this.before(batch);
    const isNew = batch.number > this.lastNumber(batch.epoch);
    // A copy has rows, which outlive the memory of the batch.
    if (isNew) this.batches.push({ ...batch });
    return isNew;
  }

  get connections(): number[] {
    return this.batches.flatMap(({ ends = [] }) =>
      ends.map(({ monotonic_ns }) => monotonic_ns - 1_000_000_000),
    );
  }
}

function listen(store: BatchStore, more = {}) {
  const onProblem = (message: string) => problems.push(message);
  return IngestServer.listen({ socket: join(folder, 'sock'), store, versions, onProblem, ...more });
}

function connectClient(more = {}) {
  const onProblem = (message: string) => problems.push(message);
  return new IngestClient({ path: join(folder, 'sock'), versions, epoch, onProblem, ...more });
}

function send(client: IngestClient, from: number, to: number): void {
  for (const i of range(from, to)) client.send(contentOf(i, [endRow(i)]));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !condition(); await sleep(10))
    assert.ok(Date.now() < deadline, 'it did not happen in time');
}

describe('a collector and a server', () => {
  it('hand over every batch once, in order', async () => {
    const store = new MemoryStore();
    const seen: number[] = [];
    await using _server = await listen(store, { onBatch: ({ number }: Batch) => seen.push(number) });
    const client = connectClient();
    send(client, 0, 300);
    assert.ok(await client.close(5000));
    assert.deepEqual(store.connections, range(0, 300));
    assert.deepEqual(seen, range(1, 301));
    assert.deepEqual(problems, []);
  });

  it('find each other whichever of them comes first', async () => {
    const store = new MemoryStore();
    const states: ConnectionState['kind'][] = [];
    const client = connectClient({ onState: ({ kind }: ConnectionState) => states.push(kind) });
    send(client, 0, 3);
    await sleep(100);
    await using _server = await listen(store);
    assert.ok(await client.close(5000));
    assert.deepEqual(store.connections, [0, 1, 2]);
    assert.deepEqual(states, ['connected']);
  });

  it('lose and double nothing while the server ends and comes back', async () => {
    const store = new MemoryStore();
    const client = connectClient({
      memoryBytes: 4000,
      spool: { folder: join(folder, 'spool'), maxBytes: 1e7, fileBytes: 10_000 },
    });
    for (let i = 0; i < 10; i++) {
      send(client, i * 30, i * 30 + 15);
      await using _server = await listen(store);
      send(client, i * 30 + 15, i * 30 + 30);
      const target = i * 20;
      await until(() => store.batches.length >= target);
    }
    await using _server = await listen(store);
    assert.ok(await client.close(5000));
    assert.deepEqual(store.connections, range(0, 300));
    assert.equal(client.statistics.lostRows, 0);
    assert.deepEqual(problems, []);
  });

  it('lose and double nothing where the store fails, before or after it has stored', async () => {
    const store = new MemoryStore();
    let failures = 0;
    const flaky: BatchStore = {
      lastNumber: (epoch) => store.lastNumber(epoch),
      async append(batch) {
        if (batch.number % 3 === 0 && failures < 6) {
          if (failures++ % 2 === 0) await store.append(batch);
          throw new Error('disk full');
        }
        return store.append(batch);
      },
    };
    await using _server = await listen(flaky);
    const client = connectClient();
    send(client, 0, 12);
    assert.ok(await client.close(10_000));
    assert.deepEqual(store.connections, range(0, 12));
    assert.equal(failures, 6);
    assert.equal(problems.filter((message) => message.includes('disk full')).length, 1, 'it is said once');
  });

  it('go on behind a batch that can never be stored, which is counted', async () => {
    const store = new MemoryStore();
    store.before = ({ number }) => {
      if (number === 2) throw new FormatError('no such table');
    };
    await using _server = await listen(store);
    const client = connectClient();
    send(client, 0, 3);
    await until(() => client.statistics.lostRows === 1);
    send(client, 3, 4);
    assert.ok(await client.close(5000));
    assert.deepEqual(store.connections, [0, 2, 3]);
    assert.equal(client.statistics.lostRows, 1);
    assert.deepEqual(
      store.batches[2]!.losses?.map(({ count, place }) => [count, place]),
      [[1, 'history']],
    );
  });

  it('keep a batch whose acknowledgement was lost from being stored twice by a new server', async () => {
    const store = new MemoryStore();
    const client = connectClient();
    const first = await listen({
      lastNumber: () => 0,
      async append(batch) {
        await store.append(batch);
        throw new Error('the connection is lost');
      },
    });
    send(client, 0, 1);
    await until(() => store.batches.length === 1);
    await first[Symbol.asyncDispose]();
    await using _second = await listen(store);
    assert.ok(await client.close(5000));
    assert.deepEqual(store.connections, [0]);
  });

  it('wait for a store that is slow, and hold little of what waits', async () => {
    const store = new MemoryStore();
    store.before = () => sleep(1);
    await using _server = await listen(store);
    const client = connectClient({
      memoryBytes: 20_000,
      spool: { folder: join(folder, 'spool'), maxBytes: 1e7, fileBytes: 50_000 },
    });
    send(client, 0, 200);
    assert.ok(client.statistics.memoryBytes <= 20_000);
    assert.ok(await client.close(10_000));
    assert.deepEqual(store.connections, range(0, 200));
  });
});

describe('a collector that ends', () => {
  const spool = () => ({ folder: join(folder, 'spool'), maxBytes: 1e6, fileBytes: 10_000 });

  it('leaves what no server took to the next one', async () => {
    const first = connectClient({ spool: spool() });
    send(first, 0, 5);
    assert.ok(await first.close(50));
    const store = new MemoryStore();
    await using _server = await listen(store);
    const second = connectClient({ spool: spool(), epoch: { ...epoch, epoch: 'e'.repeat(32) } });
    send(second, 5, 8);
    assert.ok(await second.close(5000));
    assert.deepEqual(store.connections, range(0, 8));
    assert.deepEqual([...new Set(store.batches.map((batch) => batch.epoch))], [epoch.epoch, 'e'.repeat(32)]);
  });

  it('says that something is lost where it has no spool', async () => {
    const client = connectClient();
    send(client, 0, 5);
    assert.equal(await client.close(20), false);
  });
});

describe('a server of another version', () => {
  it('refuses a newer collector in words, and the collector keeps its batches', async () => {
    const store = new MemoryStore();
    const states: ConnectionState[] = [];
    await using _server = await listen(store);
    const client = connectClient({
      versions: { ...versions, version: '0.2.0', schema: 2 },
      onState: (state: ConnectionState) => states.push(state),
    });
    send(client, 0, 1);
    await until(() => states.length > 0);
    const [state] = states;
    assert.ok(state?.kind === 'refused');
    assert.match(
      state.message,
      /the collector is Weir 0\.2\.0, the server Weir 0\.1\.0: .*restart the server/,
    );
    assert.match(problems.join('\n'), /restart the server/);
    assert.deepEqual(store.batches, []);
    assert.ok(client.statistics.memoryBytes > 0);
    await client.close(0);
  });
});

describe('the socket of a server', () => {
  it('is for its owner and root only, and goes when the server ends', async () => {
    const server = await listen(new MemoryStore());
    assert.equal(statSync(join(folder, 'sock')).mode & 0o777, 0o600);
    await server[Symbol.asyncDispose]();
    assert.ok(!existsSync(join(folder, 'sock')));
  });

  it('is left to the server that listens there', async () => {
    await using _server = await listen(new MemoryStore());
    await assert.rejects(listen(new MemoryStore()), /^OptionError: a process listens on .*sock already$/);
  });

  it('can be inherited from another process', async () => {
    using listener = openUnixListener(join(folder, 'sock'), 0o600);
    const script = fileURLToPath(new URL('support/inherited-socket.js', import.meta.url));
    const server = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit', listener.fd] });
    const client = connectClient();
    send(client, 0, 2);
    assert.ok(await client.close(10_000));
    server.kill();
    assert.equal(await text(server.stdout!), '1\n2\n');
  });

  for (const [title, bytes] of [
    ['an unknown type', Buffer.from([1, 0, 0, 0, 77, 1])],
    ['a frame before hello', jsonFrame('ack', {})],
    ['a frame that is too long', Buffer.from([255, 255, 255, 255, 1])],
    ['a hello that is none', jsonFrame('hello', { version: 1 })],
    ['half a frame', Buffer.from([9, 0])],
  ] as const)
    it(`ends a connection with ${title}, and serves the next one`, async () => {
      const store = new MemoryStore();
      await using server = await listen(store);
      const socket = connect(join(folder, 'sock'));
      socket.on('error', () => {});
      socket.end(bytes);
      await once(socket.resume(), 'close');
      await until(() => server.collectors === 0);
      const client = connectClient();
      send(client, 0, 1);
      assert.ok(await client.close(5000));
      assert.deepEqual(store.connections, [0]);
    });

  it('survives random bytes', async () => {
    const store = new MemoryStore();
    await using server = await listen(store);
    const random = randomNumbers(3);
    for (let i = 0; i < 100; i++) {
      const bytes = Buffer.from(Array.from({ length: 1 + (i % 50) }, () => random(i % 2 === 0 ? 256 : 8)));
      const socket = connect(join(folder, 'sock'));
      socket.on('error', () => {});
      socket.end(bytes);
      await once(socket.resume(), 'close');
    }
    await until(() => server.collectors === 0);
    assert.deepEqual(store.batches, []);
  });
});

describe('what balancers do', () => {
  const balancer = { name: 'edge', running: true, interfaces: [], vips: [], omitted: 0 };
  const flow = {
    source: '192.0.2.7',
    sourcePort: 1,
    destination: '198.51.100.1',
    destinationPort: 80,
  } as const;
  const request = { balancer: 'edge', flow: { ...flow, protocol: 'tcp' } } as const;
  const newer = { versions: { ...versions, protocols: [1, 2] } } as const;

  it('goes to the server, which asks about flows', async () => {
    const seen: number[] = [];
    const onBalancers = ({ at }: { readonly at: number }) => seen.push(at);
    await using server = await listen(new MemoryStore(), { ...newer, onBalancers });
    const onLookup = ({ id, flow }: LookupRequest): Promise<LookupAnswer> => {
      if (flow.sourcePort === 2) return Promise.resolve({ id, problem: { kind: 'request', message: 'no' } });
      return Promise.resolve({ id, found: { verdict: 'tx', reason: 'ring', real: { address: '10.0.0.1' } } });
    };
    const client = connectClient({ ...newer, onLookup });
    await until(() => client.sendBalancers({ at: 5, balancers: [balancer] }));
    await until(() => seen.length === 1);
    assert.deepEqual(seen, [5]);
    assert.deepEqual(await server.lookUp(request), {
      ...{ verdict: 'tx', reason: 'ring' },
      real: { address: '10.0.0.1' },
    });
    const refused = { ...request, flow: { ...request.flow, sourcePort: 2 } };
    await assert.rejects(server.lookUp(refused), { name: 'LookupError', kind: 'request', message: 'no' });
    assert.throws(() => server.lookUp({ ...request, balancer: 'other' }), { kind: 'missing' });
    await client.close(1000);
    await until(() => server.collectors === 0);
    assert.throws(() => server.lookUp(request), { kind: 'missing' });
    assert.deepEqual(problems, []);
  });

  it('is not sent to an older server', async () => {
    await using _server = await listen(new MemoryStore());
    let isConnected = false;
    const onState = ({ kind }: ConnectionState) => {
      isConnected = kind === 'connected';
    };
    const client = connectClient({ ...newer, onState });
    await until(() => isConnected);
    assert.equal(client.sendBalancers({ at: 5, balancers: [] }), false);
    assert.equal(await client.close(1000), true);
    assert.deepEqual(problems, []);
  });

  it('leaves questions without an answer when the collector ends, and only a few wait', async () => {
    await using server = await listen(new MemoryStore(), newer);
    const client = connectClient({ ...newer, onLookup: () => new Promise(() => {}) });
    await until(() => client.sendBalancers({ at: 5, balancers: [balancer] }));
    await until(() => {
      try {
        void server.lookUp(request).catch(() => {});
        return true;
      } catch {
        return false;
      }
    });
    const waiting = Array.from({ length: 7 }, () => server.lookUp(request));
    assert.throws(() => server.lookUp(request), { kind: 'busy' });
    const [answers] = await Promise.all([Promise.allSettled(waiting), client.close(1000)]);
    for (const { reason } of answers as PromiseRejectedResult[]) assert.equal(reason.kind, 'failed');
  });
});
