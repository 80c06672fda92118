/** Answers of several hosts' histories, over HTTP, against what was really moved. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { MapEdge, Measures } from '@weir/history/query';
import { newToken, tokenDigest } from '@weir/http/auth';
import { parseFilter } from '@weir/tracer/filter';
import type { ApiHistory } from '../src/api/history.js';
import { storedHistory } from '../src/api/stored-history.js';
import type { HistoryPart, PartAnswers } from '../src/peers/history-part.js';
import { localPart } from '../src/peers/local-part.js';
import { mergedHistory } from '../src/peers/merged-history.js';
import { type Peer, RemotePart } from '../src/peers/remote-part.js';
import { answeringHistories } from '../src/serve/peers.js';
import { startApi } from './support/api.js';
import { at } from './support/batches.js';
import { ownCertificate } from './support/certificate.js';
import {
  addressOf,
  append,
  endsOf,
  HOSTS,
  hostName,
  randomTalks,
  SECONDS,
  SeveralHosts,
  seenClient,
  type Talk,
  type TestHost,
} from './support/several-hosts.js';

const range = { from: at(0), to: at(SECONDS) };
const talks = randomTalks(400);

let several: SeveralHosts;
const peers: RemotePart[] = [];

before(async () => {
  several = await SeveralHosts.start(talks);
});

after(async () => {
  for (const peer of peers) peer[Symbol.dispose]();
  await several?.[Symbol.asyncDispose]();
});

function remote(origin: string, more: Partial<Peer> = {}): RemotePart {
  const part = new RemotePart({ name: 'away', url: new URL(origin), timeoutMs: 5_000, ...more });
  peers.push(part);
  return part;
}

/** The history of the first host, and those of the others over HTTP. */
function all(others: readonly HistoryPart[] = otherParts()): ApiHistory {
  const [{ store }] = several.hosts as [(typeof several.hosts)[0]];
  return mergedHistory(storedHistory(store), [localPart(store, hostName(0)), ...others]);
}

function otherParts(): RemotePart[] {
  return several.hosts.slice(1).map(({ api }, index) => remote(api.origin, { name: `peer-${index + 1}` }));
}

/** Ends that count, by process. */
interface Counted {
  readonly talk: Talk;
  readonly process: string;
  readonly isClient: boolean;
  readonly sent: number;
  readonly received: number;
}

/** @param hosts Hosts that answer. @param process Only ends of this process */
function countedEnds(some: readonly Talk[], hosts = [0, 1, 2], process?: string): Counted[] {
  return some.flatMap((talk): Counted[] => {
    const { client, server, clientProcess, serverProcess, sent, received, isNumbered } = talk;
    const has = (host: number | undefined, name: string) =>
      host !== undefined && hosts.includes(host) && (process === undefined || name === process);
    const isClientHere = has(client, clientProcess);
    const isServerHere = has(server, serverProcess) && !(isNumbered && isClientHere);
    return [
      ...(isClientHere ? [{ talk, process: clientProcess, isClient: true, sent, received }] : []),
      ...(isServerHere
        ? [{ talk, process: serverProcess, isClient: false, sent: received, received: sent }]
        : []),
    ];
  });
}

function sumsBy<T>(items: readonly T[], keyOf: (item: T) => string, bytesOf: (item: T) => number) {
  const sums: Record<string, [connections: number, bytes: number]> = {};
  for (const item of items) {
    const [count, bytes] = sums[keyOf(item)] ?? [0, 0];
    sums[keyOf(item)] = [count + 1, bytes + bytesOf(item)];
  }
  return sums;
}

const bytesOf = ({ bytes_sent, bytes_received }: Measures) => bytes_sent + bytes_received;
const bothWays = ({ sent, received }: Counted) => sent + received;
const figures = (each: Measures): [number, number] => [each.connections, bytesOf(each)];

describe('the histories of several hosts', () => {
  it('count each connection once in groups, with every filter', async () => {
    for (const process of [undefined, 'nginx', 'curl']) {
      const filter = process === undefined ? {} : { filter: parseFilter(`comm=${process}`) };
      const { result, incomplete } = await all().groups({ range, by: ['process'], ...filter });
      const expected = countedEnds(talks, [0, 1, 2], process);
      assert.deepEqual(
        Object.fromEntries(result.groups.map(({ key, ...each }) => [key.process, figures(each)])),
        sumsBy(expected, (each) => each.process, bothWays),
      );
      assert.deepEqual(figures(result.total), sumsBy(expected, () => 'all', bothWays).all);
      assert.deepEqual(incomplete, []);
    }
  });

  it('count each end where that is asked for, as lists of connections have them', async () => {
    const { result } = await all().groups({ range, by: ['process'], ends: 'all' });
    const expected = talks.flatMap((talk) => [...countedEnds([{ ...talk, isNumbered: false }])]);
    assert.deepEqual(
      Object.fromEntries(result.groups.map(({ key, ...each }) => [key.process, figures(each)])),
      sumsBy(expected, (each) => each.process, bothWays),
    );
    const step = 60_000_000_000n;
    const { result: series } = await all().series({ range, step, ends: 'all' });
    const counted = series[0]!.points.reduce((sum, { connections }) => sum + connections, 0);
    assert.equal(counted, expected.length);
  });

  it('have means of all, and percentiles only of groups that one history has', async () => {
    const query = { range, by: ['process', 'local'], percentiles: [0.5] };
    const { result } = await all().groups(query);
    const alone = await storedHistory(several.hosts[1]!.store).groups(query);
    const pick = (groups: typeof result.groups) =>
      groups.find(({ key }) => key.process === 'wget' && key.local === addressOf(1))!;
    assert.deepEqual(pick(result.groups).percentiles, pick(alone.result.groups).percentiles);
    const { result: wide } = await all().groups({ ...query, by: ['process'] });
    const wget = wide.groups.find(({ key }) => key.process === 'wget')!;
    assert.deepEqual(wget.percentiles!.handshake_us, [null]);
    const times = talks.filter((talk) => talk.clientProcess === 'wget' && talk.client !== undefined);
    const mean = times.reduce((sum, { handshakeUs }) => sum + handshakeUs, 0) / times.length;
    assert.ok(Math.abs(wget.handshake_us! - mean) < 1e-6);
  });

  it('have series that add up, of the largest groups of all', async () => {
    const query = { range, by: ['process'], step: 60_000_000_000n, limit: 2 };
    const { result } = await all().series(query);
    const expected = sumsBy(countedEnds(talks), (each) => each.process, bothWays);
    const largest = Object.entries(expected).sort(([, a], [, b]) => b[1] - a[1]);
    assert.deepEqual(
      result.map(({ key, points }) => [
        key.process,
        [
          points.reduce((sum, { connections }) => sum + connections, 0),
          points.reduce((sum, point) => sum + bytesOf(point), 0),
        ],
      ]),
      largest.slice(0, 2),
    );
    for (const { points } of result)
      assert.ok(points.every((point, index) => index === 0 || points[index - 1]!.time < point.time));
  });

  it('are compared: what is new and gone in one of them is not where another has it', async () => {
    const half = at(SECONDS / 2);
    const now = { from: half, to: range.to };
    const before = { from: range.from, to: half };
    const { result } = await all().compare({ range: now, against: before, by: ['peer_port'] });
    const portsIn = (from: number, to: number) =>
      new Set(
        countedEnds(talks.filter(({ second }) => second >= from && second < to)).map(({ talk, process }) =>
          process === talk.clientProcess ? talk.port : 20_000 + talk.id,
        ),
      );
    assert.ok(result.count > 3);
    const isNew = result.differences.filter(({ changes }) => changes.includes('new'));
    assert.ok(isNew.every(({ before: figuresBefore }) => figuresBefore === undefined));
    assert.ok(
      !result.differences.some(({ key, changes }) => key.peer_port === 80 && changes.includes('new')),
    );
    assert.ok(portsIn(0, SECONDS / 2).has(80));
  });

  it('are one map: an edge from process to process over hosts, each connection once', async () => {
    const { result } = await all().map({ range, by: 'process', limit: 10_000 });
    const shown = ({ from, to, port }: Pick<MapEdge, 'from' | 'to' | 'port'>) =>
      `${from.host ?? ''} ${from.name} > ${to.host ?? ''} ${to.name}:${port}`;
    const expected = countedEnds(talks).map(({ talk, isClient, sent, received }) => {
      const { client, server, clientProcess, serverProcess, port, isNumbered } = talk;
      const [own, other] = [client, server].map((host) => host !== undefined);
      const from = { kind: 'group', name: clientProcess, host: hostName(client ?? 0) } as const;
      const to = { kind: 'group', name: serverProcess, host: hostName(server ?? 0) } as const;
      const bytes = sent + received;
      if (own && other && isNumbered) return { text: shown({ from, to, port }), bytes };
      const address = (name: string) => ({ kind: 'address', name }) as const;
      return isClient
        ? { text: shown({ from, to: address(addressOf(server)), port }), bytes }
        : { text: shown({ from: address(seenClient(talk)), to, port }), bytes };
    });
    const sums = sumsBy(
      expected,
      ({ text }) => text,
      ({ bytes }) => bytes,
    );
    assert.deepEqual(Object.fromEntries(result.edges.map((edge) => [shown(edge), figures(edge)])), sums);
    assert.equal(result.count, Object.keys(sums).length);
    const { result: hosts } = await all().map({ range, by: 'host', limit: 10_000 });
    const names = new Set(hosts.edges.flatMap(({ from, to }) => [from, to]).map(({ name }) => name));
    for (let host = 0; host < HOSTS; host++) assert.ok(names.has(hostName(host)));
  });

  it('have hosts by their names as groups and in filters', async () => {
    for (const only of [undefined, 1]) {
      const filter = only === undefined ? {} : { filter: parseFilter(`host=${hostName(only)}`) };
      const hosts = only === undefined ? [0, 1, 2] : [only];
      const { result } = await all().groups({
        range,
        by: ['host'],
        ends: 'all',
        percentiles: [0.5],
        ...filter,
      });
      assert.deepEqual(
        Object.fromEntries(result.groups.map(({ key, connections }) => [key.host, connections])),
        Object.fromEntries(hosts.map((host) => [hostName(host), endsOf(talks, host).length])),
      );
      for (const { percentiles } of result.groups) assert.ok(Array.isArray(percentiles!.duration_us));
      const series = await all().series({ range, step: 3_600_000_000_000n, by: ['host'], ...filter });
      assert.deepEqual(series.result.map(({ key }) => key.host).toSorted(), hosts.map(hostName));
    }
  });

  it('are paged in every order without a gap and without repeating', async () => {
    const rows = [0, 1, 2].flatMap((host) => endsOf(talks, host));
    const texts = (list: typeof rows) =>
      list.map(({ host_id, flow_ns, flow_cpu }) => `${host_id} ${flow_ns}.${flow_cpu}`);
    for (const order of ['newest', 'oldest', '-bytes_received', 'peer', 'handshake_us'] as const) {
      const history = all();
      const found: typeof rows = [];
      let cursor: string | undefined;
      do {
        const page = await history.connections({
          ...{ range, order, limit: 190 },
          ...(cursor !== undefined && { cursor }),
        });
        found.push(...page.result.rows);
        cursor = page.result.next;
      } while (cursor !== undefined);
      assert.deepEqual(texts(found).sort(), texts(rows).sort(), order);
      const value = (row: (typeof rows)[0]) =>
        order === 'newest'
          ? -row.time
          : order === 'oldest'
            ? row.time
            : order === '-bytes_received'
              ? -row.bytes_received!
              : 0;
      assert.ok(
        found.every((row, index) => index === 0 || value(found[index - 1]!) <= value(row)),
        order,
      );
      if (order === 'handshake_us') {
        const known = found.findIndex((row) => row.handshake_us === undefined);
        assert.ok(found.slice(known).every((row) => row.handshake_us === undefined));
      }
    }
    const { result: skipped } = await all().connections({ range, order: 'peer', limit: 5, skip: 40 });
    const { result: whole } = await all().connections({ range, order: 'peer', limit: 45 });
    assert.deepEqual(texts([...skipped.rows]), texts([...whole.rows]).slice(40));
  });

  it('have both ends of a connection, by the id of either and by its flow', async () => {
    const talk = talks.find(({ client, server, isNumbered }) => isNumbered && client === 1 && server === 2)!;
    const [client] = endsOf([talk], 1);
    const byFlow = { flow: { ns: client!.flow_ns!, cpu: client!.flow_cpu! } };
    for (const key of [byFlow, { connectionId: client!.connection_id! }]) {
      const { result } = await all().connection({ range, key });
      assert.deepEqual(new Set(result.ends.map(({ host_id }) => host_id)), new Set([2000n, 3000n]));
    }
    const bare = talks.find(
      ({ id, client: a, server: b, isNumbered }) =>
        !isNumbered && id % 2 === 1 && a !== undefined && b !== undefined && a !== b,
    )!;
    const key = { flow: { ns: BigInt(bare.id + 1), cpu: 0 } };
    const { result } = await all().connection({ range, key });
    assert.equal(result.ends.length, 2, 'by mirrored addresses');
  });

  it('that one cannot ask are named, and the rest is exact', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const [first] = otherParts();
    const away = remote(`http://127.0.0.1:${port}`);
    const { result, incomplete } = await all([first!, away]).groups({ range, by: [] });
    assert.deepEqual(figures(result.total), sumsBy(countedEnds(talks, [0, 1]), () => 'all', bothWays).all);
    assert.deepEqual(
      incomplete!.map(({ host, answered }) => [host, answered]),
      [['away', false]],
    );
    assert.match(incomplete![0]!.reason, /ECONNREFUSED/);
  });

  it('that are lost between two questions of an answer count with none of their ends', async () => {
    const [first, second] = otherParts() as [RemotePart, RemotePart];
    const lost: HistoryPart = {
      ...{ name: 'lost', host: undefined },
      ask: (name, query, signal) =>
        (name === 'sides' ? second : remote('http://127.0.0.1:1')).ask(name, query, signal),
    };
    const { result, incomplete } = await all([first, lost]).groups({ range, by: [] });
    assert.deepEqual(figures(result.total), sumsBy(countedEnds(talks, [0, 1]), () => 'all', bothWays).all);
    assert.deepEqual(
      incomplete!.map(({ host }) => host),
      ['lost'],
    );
  });

  it('with too many connections to be joined say so', async () => {
    const [first] = otherParts();
    const cut: HistoryPart = {
      ...{ name: 'busy', host: undefined },
      ask: async (name, query, signal) => {
        const answer = await first!.ask(name, query, signal);
        if (name !== 'sides') return answer;
        const { result, ...rest } = answer as PartAnswers['sides'];
        return { ...rest, result: { ...result, isCut: true } } as typeof answer;
      },
    };
    const { incomplete } = await all([cut]).groups({ range, by: [] });
    assert.deepEqual(
      incomplete!.map(({ host, answered }) => [host, answered]),
      [['busy', true]],
    );
    assert.match(incomplete![0]!.reason, /count at both of their ends/);
  });

  it('count nothing twice that is stored while they are asked', async () => {
    const late = {
      ...talks.find((talk) => talk.isNumbered && talk.client === 1 && talk.server === 0)!,
      id: 9001,
    };
    const talk: Talk = { ...late, second: SECONDS + 5 };
    await using own = await SeveralHosts.start(talks);
    const [a, b] = own.hosts as [(typeof own.hosts)[0], (typeof own.hosts)[0]];
    const inner = localPart(a.store, 'a');
    const part: HistoryPart = {
      ...inner,
      ask: async (name, query, signal) => {
        const answer = await inner.ask(name, query, signal);
        if (name === 'sides') {
          await append(a.store, 0, 2, endsOf([talk], 0), SECONDS + 10);
          await append(b.store, 1, 2, endsOf([talk], 1), SECONDS + 10);
        }
        return answer;
      },
    };
    const wide = { from: range.from, to: at(SECONDS + 60) };
    const parts = [part, ...own.hosts.slice(1).map(({ api }) => remote(api.origin))];
    const { result } = await mergedHistory(storedHistory(a.store), parts).groups({ range: wide, by: [] });
    const once = sumsBy(countedEnds(talks), () => 'all', bothWays).all!;
    const withLate = sumsBy(countedEnds([...talks, talk]), () => 'all', bothWays).all!;
    assert.ok(
      [once[1], withLate[1]].includes(bytesOf(result.total)),
      `${bytesOf(result.total)} ${once[1]} ${withLate[1]}`,
    );
  });
});

describe('another host', () => {
  async function reasonOf(part: RemotePart): Promise<string> {
    const { incomplete } = await all([part]).losses(range, {});
    assert.equal(incomplete!.length, 1);
    return incomplete![0]!.reason;
  }

  it('is asked with its token, which is read for each question', async () => {
    const token = newToken();
    const stored = {
      name: 'reader',
      role: 'read',
      sha256: tokenDigest(token),
      created: '2026-01-01T00:00:00.000Z',
    } as const;
    await using guarded = await SeveralHosts.start([], { tokens: [stored] });
    let own: string | undefined = 'wrong';
    const part = remote(guarded.hosts[0]!.api.origin, { token: () => own });
    assert.match(await reasonOf(part), /refuses the token/);
    own = token;
    const fresh = remote(guarded.hosts[0]!.api.origin, { token: () => own });
    const { incomplete } = await all([fresh]).losses(range, {});
    assert.deepEqual(incomplete, []);
    assert.equal(fresh.host, hostName(0));
  });

  it('is reached as the configuration says: by TLS with its authority, and a token of the environment', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-peer-tls-'));
    context.after(() => rmSync(folder, { recursive: true }));
    const { cert, key, certificateFile } = ownCertificate(folder);
    const token = newToken();
    const stored = {
      name: 'r',
      role: 'read',
      sha256: tokenDigest(token),
      created: '2026-01-01T00:00:00.000Z',
    } as const;
    const [{ store: first }, { store: second }] = several.hosts as [TestHost, TestHost];
    const own = localPart(second, hostName(1));
    const login = { tokens: [stored] };
    await using api = await startApi({
      history: storedHistory(second),
      own,
      login,
      tls: { cert: `${cert}`, key: `${key}` },
    });
    const config = { url: api.origin, token: { env: 'PEER' }, timeout: 60_000 };
    const total = async (more: object, environment: Record<string, string>) => {
      using answering = answeringHistories(first, [{ ...config, ...more }], environment);
      return answering.history.groups({ range, by: [] });
    };
    const { result, incomplete } = await total({ ca: certificateFile }, { PEER: token });
    assert.deepEqual(figures(result.total), sumsBy(countedEnds(talks, [0, 1]), () => 'all', bothWays).all);
    assert.deepEqual(incomplete, []);
    const reason = async (more: object, environment: Record<string, string>) =>
      (await total(more, environment)).incomplete![0]!.reason;
    assert.match(await reason({}, { PEER: token }), /self-signed certificate/);
    assert.match(await reason({ ca: certificateFile }, {}), /refuses the token/);
    const file = { token: { file: join(folder, 'none') }, ca: certificateFile };
    assert.equal(await reason(file, {}), 'the file with its token cannot be read (ENOENT)');
  });

  it('that does not answer in time is not waited for again at once', async () => {
    let asked = 0;
    await using slow = await serving(() => {
      asked++;
    });
    const part = remote(slow.origin, { timeoutMs: 2000 });
    for (let time = 0; time < 2; time++) assert.match(await reasonOf(part), /no answer within 2 s/);
    assert.equal(asked, 1);
  });

  it('that runs another version, or says nonsense, is named with that', async () => {
    await using old = await serving((_, answer) => answer(404, { detail: 'there is no such path' }));
    await using wrong = await serving((_, answer) =>
      answer(200, { protocol: 1, host: 'x', answer: { range: 3 } }),
    );
    await using newer = await serving((_, answer) =>
      answer(501, { detail: 'protocol: this server has version 2' }),
    );
    assert.match(await reasonOf(remote(newer.origin)), /another version of Weir/);
    assert.match(await reasonOf(remote(wrong.origin)), /makes no sense/);
    await using elsewhere = await serving((_, answer) => answer(302, {}));
    assert.match(await reasonOf(remote(elsewhere.origin)), /answered 302/);
    assert.match(await reasonOf(remote(old.origin)), /another version of Weir/);
  });

  it('asks nobody itself, so that hosts that ask each other go round in no circle', async () => {
    const [a, b] = several.hosts.map(({ store }) => store);
    let asked = 0;
    const counting = (part: HistoryPart): HistoryPart => ({
      ...part,
      ask: (...args) => {
        asked++;
        return part.ask(...args);
      },
    });
    const [ownA, ownB] = [counting(localPart(a!, 'a')), counting(localPart(b!, 'b'))];
    const parts: HistoryPart[] = [ownA];
    await using first = await startApi({ history: mergedHistory(storedHistory(a!), parts), own: ownA });
    await using second = await startApi({
      history: mergedHistory(storedHistory(b!), [ownB, remote(first.origin)]),
      own: ownB,
    });
    parts.push(remote(second.origin));
    const { status } = await first.get('/losses?range=-1h');
    assert.deepEqual([status, asked], [200, 2]);
  });

  it('refuses questions that make no sense, with one line', async () => {
    const { origin } = several.hosts[1]!.api;
    const post = (body: unknown) =>
      fetch(`${origin}/api/v1/peer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    for (const query of [
      { range: { from: 1, to: 2 } },
      { range: { from: { $n: '1' }, to: { $n: 'x' } } },
      { range: { from: { $n: '1' }, to: { $n: '2' } }, other: 1 },
      null,
    ])
      assert.equal(
        (await post({ protocol: 1, question: 'losses', query })).status,
        400,
        JSON.stringify(query),
      );
    assert.equal((await post({ protocol: 2, question: 'losses', query: {} })).status, 501);
    assert.equal((await post({ protocol: 1, question: 'sql', query: {} })).status, 400);
  });
});

type Answer = (status: number, body: unknown) => void;

/** A server that answers what a test wants. */
async function serving(handle: (body: string, answer: Answer) => void) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    handle(body, (status, value) => response.writeHead(status).end(JSON.stringify(value)));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
