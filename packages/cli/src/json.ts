/** Records as JSON lines, with the fields in one fixed order. */
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { escapeJson, jsonString } from './text/escape.js';

type AnyRecord<R = EnrichedRecord> = R extends unknown ? keyof R : never;
type FieldName = AnyRecord;
type Fields = { readonly [Name in FieldName]?: unknown };

const write = (value: unknown): string => escapeJson(JSON.stringify(value));
const writeNumber = (value: unknown): string => String(value);
/** For strings of Weir's own making, which hold nothing to escape. */
const writeWord = (value: unknown): string => `"${value as string}"`;

/** In the order in which they are written. */
const processFields = (
  [
    ...['pid', 'tid', 'comm', 'uid', 'executable', 'command_line'],
    ...['container_id', 'container_runtime', 'pod_uid', 'unit'],
  ] as const
).map((name, index) => ({ name, key: `${index === 0 ? '{' : ','}"${name}":` }));
type ProcessField = (typeof processFields)[number]['name'];

const writeProcess = (value: unknown): string => {
  const process = value as { readonly [Name in ProcessField]?: string | number };
  let text = '';
  for (const { name, key } of processFields) {
    const field = process[name];
    if (field === undefined) continue;
    text += key + (typeof field === 'number' ? field : jsonString(field));
  }
  return `${text}}`;
};

const writeEndpoint = (value: unknown): string => {
  const { address, port, name } = value as { address: string; port: number; name?: string };
  return `{"address":"${address}","port":${port}${name === undefined ? '' : `,"name":${jsonString(name)}`}}`;
};

const writeNetwork = (value: unknown): string => {
  const { transport, type } = value as { transport: string; type: string };
  return `{"transport":"${transport}","type":"${type}"}`;
};

/** Every field there is, in the order in which they are written. */
const writers = {
  event: writeWord,
  time: writeWord,
  monotonic_ns: writeNumber,
  cpu: writeNumber,
  process: writeProcess,
  netns: writeNumber,
  cgroup_id: writeNumber,
  network: writeNetwork,
  local: writeEndpoint,
  peer: writeEndpoint,
  service: write,
  direction: writeWord,
  flow_id: write,
  handshake_us: writeNumber,
  error: write,
  duration_us: writeNumber,
  bytes_sent: writeNumber,
  bytes_received: writeNumber,
  datagrams_sent: writeNumber,
  datagrams_received: writeNumber,
  segments_sent: writeNumber,
  segments_received: writeNumber,
  retransmits: writeNumber,
  srtt_us: writeNumber,
  closed_by: writeWord,
  closing_us: writeNumber,
  idle_us: writeNumber,
  fd: writeNumber,
  accounted: writeWord,
  count: writeNumber,
  where: writeWord,
} satisfies Readonly<Record<FieldName, (value: unknown) => string>>;

const inOrder = Object.entries(writers).map(([name, writer], index) => ({
  name: name as FieldName,
  key: `${index === 0 ? '{' : ','}"${name}":`,
  writer,
}));

/** The order of the fields in every line. */
export const fieldOrder: readonly string[] = Object.keys(writers);

/** One record as one line with its line break. */
export function jsonLine(record: EnrichedRecord): string {
  const fields: Fields = record;
  let line = '';
  for (const { name, key, writer } of inOrder) {
    const value = fields[name];
    if (value !== undefined) line += key + writer(value);
  }
  return `${line}}\n`;
}
