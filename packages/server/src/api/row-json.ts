/** Rows of the history as answers show them: with the fields of records. Pure. */
import type { Answer, Coverage } from '@weir/history/query';
import { flowIdOf, timeText } from '@weir/history/rows';
import type { EndRow, LossRow, OpenRow } from '@weir/history/schema';
import type { z } from 'zod';
import type { Range } from './history.js';
import type { endJson, lossJson, openJson } from './schemas/values.js';

type Row = EndRow | OpenRow;

/** 64 bits as text. */
export function idText(id: bigint): string {
  return id.toString(16).padStart(16, '0');
}

/** A range of time as text. */
export function rangeJsonOf({ from, to }: Range) {
  return { from: timeText(from), to: timeText(to) };
}

/** What every answer says about its range. */
export function coverageOf({ range, losses, unrecorded }: Answer<unknown> | (Coverage & { range: Range })) {
  return {
    range: rangeJsonOf(range),
    losses: losses.map(lossOf),
    unrecorded: unrecorded.map(rangeJsonOf),
  };
}

/** A loss. */
export function lossOf({ host_id, time, since, count, place, detail }: LossRow): z.input<typeof lossJson> {
  return {
    ...(since !== undefined && { since: timeText(since) }),
    time: timeText(time),
    ...(count !== undefined && { count }),
    where: place,
    ...(detail !== undefined && { detail }),
    ...(host_id !== undefined && { host: idText(host_id) }),
  };
}

const processColumns = [
  ...([
    'pid',
    'tid',
    'comm',
    'uid',
    'executable',
    'command_line',
    'container_id',
    'container_runtime',
  ] as const),
  ...(['container_name', 'pod_uid', 'pod_name', 'pod_namespace', 'unit'] as const),
];
const connectionColumns = ['thread', 'netns', 'cgroup_id'] as const;
const socketColumns = ['service', 'direction', 'interface', 'interface_index'] as const;
const endColumns = ['cpu', 'duration_us', 'handshake_us', 'error'] as const;
const closeColumns = [
  ...(['closed_by', 'closing_us', 'idle_us', 'subflows', 'accounted', 'candidates', 'filter'] as const),
];

type Json = Record<string, unknown>;

/** Copies the columns that have a value. */
function copy<R extends object>(to: Json, row: R, names: readonly (keyof R & string)[]): void {
  for (const name of names) if (row[name] !== undefined) to[name] = row[name];
}

function putConnection(to: Json, row: Row): void {
  const { flow_ns, flow_cpu, connection_id } = row;
  to.host = idText(row.host_id);
  to.time = timeText(row.time);
  to.monotonic_ns = row.monotonic_ns;
  const process: Json = {};
  copy(process, row, processColumns);
  if (Object.keys(process).length > 0) to.process = process;
  copy(to, row, connectionColumns);
  to.network = { transport: row.transport, type: row.family };
  to.local = { address: row.local_address, port: row.local_port };
  const peer = { address: row.peer_address, port: row.peer_port };
  to.peer = row.peer_name === undefined ? peer : { ...peer, name: row.peer_name };
  copy(to, row, socketColumns);
  if (flow_ns !== undefined && flow_cpu !== undefined) to.flow_id = flowIdOf({ flow_ns, flow_cpu });
  if (connection_id !== undefined) to.connection_id = idText(connection_id);
}

function putFigures(to: Json, row: Row): void {
  copy(to, row, ['bytes_sent', 'bytes_received']);
  const unit = row.transport === 'udp' ? 'datagrams' : 'segments';
  if (row.segments_sent !== undefined) to[`${unit}_sent`] = row.segments_sent;
  if (row.segments_received !== undefined) to[`${unit}_received`] = row.segments_received;
  copy(to, row, ['retransmits', 'srtt_us']);
}

/** A connection that ended, as `weir trace --json` shows it. */
export function endOf(row: EndRow): z.input<typeof endJson> {
  const json: Json = { event: row.event };
  putConnection(json, row);
  copy(json, row, endColumns);
  putFigures(json, row);
  copy(json, row, closeColumns);
  return json as z.input<typeof endJson>;
}

/** A connection that was open. */
export function openOf(row: OpenRow): z.input<typeof openJson> {
  const json: Json = {};
  putConnection(json, row);
  if (row.started !== undefined) json.started = timeText(row.started);
  copy(json, row, ['state']);
  putFigures(json, row);
  return json as z.input<typeof openJson>;
}
