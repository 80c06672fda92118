/** How many servers of ClickHouse a fleet of hosts takes, from what one row costs. Pure. */
import { type MergeFigures, simulateMerges } from './merges.js';

/** Hosts that ship. */
export interface Fleet {
  readonly hosts: number;
  /** Rows of `ends` and `intervals` a second and host. */
  readonly rowsPerSecond: number;
  /** Days that rows are kept. */
  readonly days: number;
  /** Hosts begin to ship an hour within so many seconds. */
  readonly spreadSeconds: number;
  /** Rows of an insert, at most. */
  readonly insertRows: number;
}

/** What one server measured. */
export interface ServerCosts {
  /** CPU microseconds of an insert's row, sums included. */
  readonly insertUs: number;
  /** CPU microseconds of a row that a merge writes. */
  readonly mergeUs: number;
  /** Bytes of a stored row, and of its part of the sums. */
  readonly rowBytes: number;
  readonly cores: number;
  /** The share of the cores that inserts and merges may have, the rest is for questions. */
  readonly share: number;
}

/** What it takes. */
export interface FleetFigures {
  readonly rowsPerSecond: number;
  readonly rowsPerDay: number;
  readonly bytesPerDay: number;
  readonly bytesKept: number;
  /** Each makes one part of `ends`, and one of each table of sums. */
  readonly insertsPerSecond: number;
  /** Servers without replicas, by CPU. */
  readonly shards: number;
  /** CPU that inserts and merges take on average, of all servers' cores. */
  readonly load: number;
  /** Seconds after an hour's end in which its last rows are there. */
  readonly lastSeconds: number;
  /** `ends` of the last of the simulated hours on one server. */
  readonly merges: MergeFigures;
}

const HOUR = 3600;
const DAY = 86_400;
/** A part of 150 GB is merged no more: ClickHouse's `max_bytes_to_merge_at_max_space_in_pool`. */
const LARGEST_PART_BYTES = 150e9;

/** ClickHouse takes inserts more slowly where a partition has so many parts: `parts_to_delay_insert`. */
const MANY_PARTS = 1000;

/** @param hours Hours that are simulated on one server. */
export function planFleet(fleet: Fleet, costs: ServerCosts, hours = 24): FleetFigures {
  const rowsPerSecond = fleet.hosts * fleet.rowsPerSecond;
  // Rewrites depend on the number of inserts on a server, and that on the number of servers: it is found in a few steps.
  let shards = 1;
  for (let step = 1; ; step++) {
    const server = simulateServer(fleet, costs, shards, hours);
    const us = costs.insertUs + (costs.mergeUs * server.merges.merged) / server.merges.inserted;
    const wanted = Math.max(1, Math.ceil((rowsPerSecond * us) / 1e6 / (costs.cores * costs.share)));
    if (wanted > shards && step < MOST_STEPS) {
      shards = wanted;
      continue;
    }
    const bytesPerDay = rowsPerSecond * DAY * costs.rowBytes;
    return {
      rowsPerSecond,
      rowsPerDay: rowsPerSecond * DAY,
      bytesPerDay,
      bytesKept: bytesPerDay * fleet.days,
      insertsPerSecond: (fleet.hosts * insertsOf(fleet).length) / HOUR,
      shards,
      load: (rowsPerSecond * us) / 1e6 / (costs.cores * shards),
      ...server,
    };
  }
}

const MOST_STEPS = 5;

/** Rows of the inserts of an hour of a host. */
function insertsOf({ rowsPerSecond, insertRows }: Fleet): number[] {
  const rows = rowsPerSecond * HOUR;
  const whole = Math.floor(rows / insertRows);
  const rest = rows - whole * insertRows;
  return [...Array<number>(whole).fill(insertRows), ...(rest > 0 ? [rest] : [])];
}

/** Hosts begin evenly over the spread; a server takes as many rows as its cores can, and waits where parts are many. */
function simulateServer(fleet: Fleet, costs: ServerCosts, shards: number, hours: number) {
  const hosts = Math.max(1, Math.round(fleet.hosts / shards));
  const own = insertsOf(fleet);
  const threads = Math.max(1, Math.floor(costs.cores * costs.share));
  const most = (threads * 1e6) / costs.insertUs;
  const waiting: number[] = [];
  let begun = 0;
  let lastSeconds = 0;
  const arrivals = (second: number, parts: number) => {
    const inHour = second % HOUR;
    if (inHour === 0) begun = 0;
    const until = Math.min(hosts, Math.ceil(((inHour + 1) / Math.max(1, fleet.spreadSeconds)) * hosts));
    for (; begun < until; begun++) waiting.push(...own);
    const arrived: number[] = [];
    for (let room = most; waiting.length > 0 && room > 0 && parts + arrived.length < MANY_PARTS; ) {
      const rows = waiting.pop()!;
      room -= rows;
      arrived.push(rows);
    }
    if (arrived.length > 0) lastSeconds = Math.max(lastSeconds, inHour + 1);
    return arrived;
  };
  const merges = simulateMerges({
    arrivals,
    seconds: hours * HOUR,
    rowsPerSecond: 1e6 / costs.mergeUs,
    threads,
    mostRows: LARGEST_PART_BYTES / costs.rowBytes,
  });
  return { merges, lastSeconds };
}
