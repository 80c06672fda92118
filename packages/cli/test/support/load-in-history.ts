/** What a history has of the connections that a load made. */
import { realtimeOffsetNs } from '@weir/ebpf/sys';
import type { HistoryStore } from '@weir/history';
import type { MadeConnection } from './steady-load.js';

/** A span in which an unknown number was lost: nanoseconds since 1970. */
export interface LostSpan {
  readonly since: bigint;
  readonly time: bigint;
}

/** Where each side of each connection is. */
export interface Account {
  /** Sides with a row. */
  readonly stored: number;
  /** Sides without one, which ended in a lost span. */
  readonly lost: number;
  readonly missing: readonly object[];
  readonly doubled: readonly object[];
  /** Rows of no connection, with the sides that have their ends at other times. */
  readonly unknown: readonly object[];
  /** Rows with other bytes. */
  readonly wrong: readonly object[];
  readonly spans: readonly LostSpan[];
  readonly spanSeconds: number;
  /** Losses of another kind. */
  readonly counted: readonly object[];
}

interface Side {
  readonly made: MadeConnection;
  readonly sent: number;
  readonly received: number;
  rows: number;
}

/** The wall clock is moved a little against the monotonic one while a load runs. */
const CLOCKS_NS = 1_000_000n;

/** Compares every row with the load, and every connection of the load with the rows. */
export async function account(history: HistoryStore, made: readonly MadeConnection[]): Promise<Account> {
  const sides = bySide(made);
  const unknown: object[] = [];
  const wrong: object[] = [];
  for (const row of await endsOf(history)) {
    const side = findSide(sides, row);
    if (side === undefined) unknown.push({ ...row, sides: sides.get(row.key) });
    else if (++side.rows && (row.sent !== side.sent || row.received !== side.received))
      wrong.push({ row, side });
  }
  const { spans, counted } = await lossesOf(history);
  const all = [...sides.values()].flat();
  const offset = realtimeOffsetNs();
  const isInSpan = ({ made: { closingNs, closedNs } }: Side) =>
    spans.some(
      ({ since, time }) =>
        BigInt(closedNs) + offset >= since - CLOCKS_NS && BigInt(closingNs) + offset <= time + CLOCKS_NS,
    );
  const absent = all.filter(({ rows }) => rows === 0);
  const missing = absent.filter((side) => !isInSpan(side));
  return {
    ...{ stored: all.length - absent.length, lost: absent.length - missing.length, missing, unknown, wrong },
    doubled: all.filter(({ rows }) => rows > 1),
    ...{ spans, counted },
    spanSeconds: spans.reduce((sum, { since, time }) => sum + Number(time - since) / 1e9, 0),
  };
}

/** Sides by their two ends, in the order of their beginnings. */
function bySide(made: readonly MadeConnection[]): Map<string, Side[]> {
  const sides = new Map<string, Side[]>();
  const add = (key: string, side: Side) => {
    const same = sides.get(key);
    if (same === undefined) sides.set(key, [side]);
    else same.push(side);
  };
  for (const one of made.toSorted((a, b) => a.connectingNs - b.connectingNs)) {
    const { client, server, sent, replied } = one;
    add(`${client} ${server}`, { made: one, sent, received: replied, rows: 0 });
    add(`${server} ${client}`, { made: one, sent: replied, received: sent, rows: 0 });
  }
  return sides;
}

interface EndOfSide {
  readonly key: string;
  readonly monotonicNs: number;
  readonly sent: number;
  readonly received: number;
  readonly retransmits: number;
  readonly closedBy: string | null;
}

/** A pair of ends may be used again within milliseconds, once the side before has ended. */
function findSide(sides: ReadonlyMap<string, Side[]>, end: EndOfSide): Side | undefined {
  const { key, monotonicNs, retransmits } = end;
  const side = sides.get(key)?.findLast(({ made }) => made.connectingNs <= monotonicNs);
  if (side === undefined) return undefined;
  const { closingNs, closedNs, resentNs } = side.made;
  const untilNs = retransmits > 0 ? resentNs : closedNs;
  return closingNs <= monotonicNs && monotonicNs <= untilNs ? side : undefined;
}

async function endsOf(history: HistoryStore): Promise<EndOfSide[]> {
  const rows = await history.read((session) =>
    session.query(
      `SELECT concat_ws(' ', local_address, local_port, peer_address, peer_port), monotonic_ns, bytes_sent, bytes_received,
         retransmits, closed_by
       FROM ${session.source('ends')}`,
    ),
  );
  return rows.map(([key, monotonicNs, sent, received, retransmits, closedBy]) => ({
    key: key as string,
    monotonicNs: Number(monotonicNs),
    ...{ sent: Number(sent), received: Number(received), retransmits: Number(retransmits) },
    ...{ closedBy: closedBy as string | null },
  }));
}

async function lossesOf(history: HistoryStore) {
  const rows = await history.read((session) =>
    session.query(
      `SELECT epoch_ns(since), epoch_ns(time), count, place, detail FROM ${session.source('losses')} ORDER BY since`,
    ),
  );
  const losses = rows.map(([since, time, count, place, detail]) => ({
    ...{ since: since as bigint, time: time as bigint },
    ...{ count: count as bigint | null, place: place as string, detail: detail as string | null },
  }));
  return {
    spans: losses.filter(({ count, place }) => place === 'collector' && count === null),
    counted: losses.filter(({ count, place }) => place !== 'collector' || count !== null),
  };
}
