/** Histories of several hosts that talked to each other, and what they moved. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HistoryStore } from '@weir/history';
import type { EndRow, IntervalRow } from '@weir/history/schema';
import { storedHistory } from '../../src/api/stored-history.js';
import { localPart } from '../../src/peers/local-part.js';
import { type RunningApi, startApi } from './api.js';
import { at, batchOf } from './batches.js';
import { randomNumbers } from './random.js';

export const HOSTS = 3;
/** Seconds in which everything ends. */
export const SECONDS = 600;

/** A connection as it was. */
export interface Talk {
  readonly id: number;
  /** Hosts of both ends; undefined: none of these. */
  readonly client: number | undefined;
  readonly server: number | undefined;
  readonly clientProcess: string;
  readonly serverProcess: string;
  readonly port: number;
  /** Whether both ends know the number that they have in common. */
  readonly isNumbered: boolean;
  readonly sent: number;
  readonly received: number;
  readonly second: number;
  readonly handshakeUs: number;
}

export function randomTalks(count: number): Talk[] {
  const below = randomNumbers(1207);
  return Array.from({ length: count }, (_, id) => {
    const client = below(HOSTS + 1);
    const server = client === HOSTS ? below(HOSTS) : below(HOSTS + 1);
    return {
      id,
      client: client === HOSTS ? undefined : client,
      server: server === HOSTS ? undefined : server,
      clientProcess: ['curl', 'wget'][below(2)]!,
      serverProcess: ['nginx', 'postgres', 'curl'][below(3)]!,
      port: 80 + below(3),
      isNumbered: below(10) > 0,
      sent: below(1000),
      received: below(100_000),
      second: below(SECONDS * 1000) / 1000,
      handshakeUs: below(5000),
    };
  });
}

const hostId = (host: number) => BigInt(host + 1) * 1000n;
export const hostName = (host: number) => `host-${host}`;
export const addressOf = (host: number | undefined) => (host === undefined ? '192.0.2.9' : `10.0.${host}.1`);
/** What the server sees of a client: a router in between rewrites the addresses of every other connection. */
export const seenClient = ({ id, client }: Talk) => (id % 2 === 0 ? '10.0.99.1' : addressOf(client));

/** A row of the end of a talk. */
function endOf(talk: Talk, side: 'client' | 'server'): EndRow {
  const { id, port, sent, received, second } = talk;
  const isClient = side === 'client';
  return {
    ...{ host_id: hostId(talk[side]!), time: at(second), monotonic_ns: id, flow_ns: BigInt(id + 1) },
    ...{ flow_cpu: isClient ? 0 : 1, transport: 'tcp', family: 'ipv4', netns: talk[side]! },
    ...(talk.isNumbered && { connection_id: BigInt(id) * 7919n + 5n }),
    local_address: addressOf(talk[side]),
    local_port: isClient ? 20_000 + id : port,
    peer_address: isClient ? addressOf(talk.server) : seenClient(talk),
    peer_port: isClient ? port : 20_000 + id,
    direction: isClient ? 'outbound' : 'inbound',
    comm: isClient ? talk.clientProcess : talk.serverProcess,
    ...{ event: 'close', duration_us: 1000, closed_by: isClient ? 'local' : 'peer' },
    ...(isClient && { handshake_us: talk.handshakeUs }),
    bytes_sent: isClient ? sent : received,
    bytes_received: isClient ? received : sent,
    interval_rows: id % 4 === 0 ? 1 : 0,
  };
}

function intervalOf(end: EndRow): IntervalRow {
  const { event: _, duration_us: _1, closed_by: _2, handshake_us: _3, interval_rows: _4, ...row } = end;
  return { ...row, span_us: 1000 };
}

/** The ends that a host has. */
export function endsOf(talks: readonly Talk[], host: number): EndRow[] {
  return talks.flatMap((talk) =>
    (['client', 'server'] as const).flatMap((side) => (talk[side] === host ? [endOf(talk, side)] : [])),
  );
}

/** A host's history, and the API that has it. */
export interface TestHost {
  readonly store: HistoryStore;
  readonly api: RunningApi;
}

/** Starts a history for each host. */
export class SeveralHosts implements AsyncDisposable {
  readonly hosts: readonly TestHost[];
  readonly #folder: string;

  private constructor(folder: string, hosts: readonly TestHost[]) {
    this.#folder = folder;
    this.hosts = hosts;
  }

  /** @param login Tokens of the APIs. */
  static async start(
    talks: readonly Talk[],
    login: Parameters<typeof startApi>[0]['login'] = {},
  ): Promise<SeveralHosts> {
    const folder = mkdtempSync(join(tmpdir(), 'weir-hosts-'));
    const hosts: TestHost[] = [];
    for (let host = 0; host < HOSTS; host++) {
      const store = await HistoryStore.open({ folder: join(folder, String(host)) });
      await append(store, host, 1, endsOf(talks, host), SECONDS);
      const own = localPart(store, hostName(host));
      hosts.push({ store, api: await startApi({ history: storedHistory(store), own, login }) });
    }
    return new SeveralHosts(folder, hosts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { api, store } of this.hosts) {
      await api[Symbol.asyncDispose]();
      await store.close();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Stores ends up to a second. */
export async function append(
  store: HistoryStore,
  host: number,
  number: number,
  ends: readonly EndRow[],
  second: number,
): Promise<void> {
  const intervals = ends.filter((end) => end.interval_rows > 0).map(intervalOf);
  const row = { host_id: hostId(host), time: at(0), name: hostName(host), boot_id: `boot-${host}` };
  await store.append(
    batchOf(number, ends, {
      ...{ host_id: hostId(host), time: at(second) },
      ...(number === 1 && { hosts: [row] }),
      ...(intervals.length > 0 && { intervals }),
    }),
  );
}
