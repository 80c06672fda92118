/** The state of a moment in the past, as `weir top` shows it. Pure. */
import type { Coverage } from '@weir/history/query';
import type { RowRecord } from '@weir/history/rows';
import type { Frame } from '../model/frame.js';
import type { PastMoment } from '../model/past-moment.js';
import { type ShownConnection, sumOf } from '../model/shown-connection.js';
import { coverageComplaints, coverageJson } from './near-coverage.js';
import type { PastRecords } from './past-records.js';

/** What a history says of a moment. */
export interface RecordedMoment {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly records: readonly RowRecord[];
  /** How many were open, of which the records are some. */
  readonly count: number;
  /** What is not known near it. */
  readonly coverage: Coverage;
  readonly edge?: PastMoment['edge'];
}

/** Which connections are shown. */
export interface Contents {
  readonly tcp: boolean;
  readonly udp: boolean;
  readonly ipv6: boolean;
  readonly netns: readonly number[] | undefined;
}

export function pastFrame(
  { at, records, count, coverage, edge }: RecordedMoment,
  model: PastRecords,
  contents: Contents,
): Frame {
  const connections = records
    .map((record) => model.connection(record))
    .filter((connection) => isWanted(connection, contents));
  return {
    nowNs: Number(at),
    connections,
    sockets: undefined,
    ended: undefined,
    totals: { ...ratesOf(connections), overflow: count - records.length },
    lost: {},
    unread: [],
    problems: [],
    past: {
      at,
      edge,
      complaints: coverageComplaints(coverage, at),
      json: coverageJson(coverage),
    },
  };
}

function isWanted({ transport, type, netns }: ShownConnection, wanted: Contents): boolean {
  if (!wanted[transport] || (type === 'ipv6' && !wanted.ipv6)) return false;
  return wanted.netns === undefined || (netns !== undefined && wanted.netns.includes(netns));
}

/** Sums over the connections; absent where one is not known. */
function ratesOf(connections: readonly ShownConnection[]): Frame['totals'] {
  let send_rate: number | undefined = 0;
  let receive_rate: number | undefined = 0;
  for (const connection of connections) {
    send_rate = sumOf(send_rate, connection.send_rate);
    receive_rate = sumOf(receive_rate, connection.receive_rate);
  }
  return {
    ...(send_rate !== undefined && { send_rate }),
    ...(receive_rate !== undefined && { receive_rate }),
  };
}
