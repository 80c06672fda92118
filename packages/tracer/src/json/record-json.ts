/** Records as JSON lines, with the fields in one fixed order. */
import type { EnrichedRecord, NetworkDetails } from '../enrich/enricher.js';
import { closeFields } from '../records/close-fields.js';
import type { EventName } from '../records/record.js';
import { escapeJson, jsonName, jsonString } from './escape.js';

type KeysOf<R> = R extends unknown ? keyof R : never;
type FieldName = KeysOf<EnrichedRecord>;
type Fields<T> = { readonly [Name in FieldName]?: T };
type OwnField<E extends EventName> = Exclude<
  KeysOf<Extract<EnrichedRecord, { event: E }>>,
  // A number that only the network namespace understands; JSON has the name.
  keyof typeof commonFields | 'interface_index'
>;
type Writer = (value: unknown) => string;

const write = (value: unknown): string => escapeJson(JSON.stringify(value));
const writeName = (value: unknown): string => jsonName(value as string);
const writeNumber = (value: unknown): string => String(value);
/** Writes a string of Weir's own making, which holds nothing to escape. */
const writeWord = (value: unknown): string => `"${value as string}"`;

/** In the order in which they are written. */
const processFields = (
  [
    ...['pid', 'tid', 'comm', 'uid', 'executable', 'command_line'],
    ...[
      'container_id',
      'container_runtime',
      'container_name',
      'pod_uid',
      'pod_name',
      'pod_namespace',
      'unit',
    ],
  ] as const
).map((name, index) => ({ name, key: `${index === 0 ? '{' : ','}"${name}":` }));
type ProcessField = (typeof processFields)[number]['name'];

const writeProcess = (value: unknown): string => {
  const process = value as { readonly [Name in ProcessField]?: string | number };
  let text = '';
  for (const { name, key } of processFields) {
    const field = process[name];
    if (field === undefined) continue;
    text += key + (typeof field === 'number' ? field : jsonName(field));
  }
  return `${text}}`;
};

interface Endpoint extends NetworkDetails {
  readonly address: string;
  readonly port: number;
  readonly name?: string;
}

const writeEndpoint = (value: unknown): string => {
  const { address, port, name, group, country, asn, as_org } = value as Endpoint;
  let text = `{"address":"${address}","port":${port}`;
  if (name !== undefined) text += `,"name":${jsonString(name)}`;
  if (group !== undefined) text += `,"group":${jsonString(group)}`;
  if (country !== undefined) text += `,"country":${jsonString(country)}`;
  if (asn !== undefined) text += `,"asn":${asn}`;
  if (as_org !== undefined) text += `,"as_org":${jsonString(as_org)}`;
  return `${text}}`;
};

const writeNetwork = (value: unknown): string => {
  const { transport, type } = value as { transport: string; type: string };
  return `{"transport":"${transport}","type":"${type}"}`;
};

/** Fields that several kinds of records have, in the order in which they are written. */
const commonFields = {
  event: writeWord,
  time: writeWord,
  monotonic_ns: writeNumber,
  cpu: writeNumber,
  process: writeProcess,
  thread: writeName,
  netns: writeNumber,
  cgroup_id: writeNumber,
  network: writeNetwork,
  local: writeEndpoint,
  peer: writeEndpoint,
  service: write,
  direction: writeWord,
  interface: write,
  flow_id: write,
  connection_id: writeWord,
} satisfies Fields<Writer>;

const writeCloseFields = Object.fromEntries(
  Object.entries(closeFields).map(([name, { unit }]) => [name, unit === 'name' ? writeWord : writeNumber]),
) as Record<keyof typeof closeFields, Writer>;

interface FieldWriter {
  readonly name: FieldName;
  readonly key: string;
  readonly writer: Writer;
}

function inOrder<E extends EventName>(own: Readonly<Record<OwnField<E>, Writer>>): readonly FieldWriter[] {
  return Object.entries({ ...commonFields, ...own }).map(([name, writer], index) => ({
    name: name as FieldName,
    key: `${index === 0 ? '{' : ','}"${name}":`,
    writer,
  }));
}

/** By kind of record: the common fields, then its own. */
const writers: Readonly<Record<EventName, readonly FieldWriter[]>> = {
  connect: inOrder<'connect'>({ handshake_us: writeNumber }),
  accept: inOrder<'accept'>({ accounted: writeWord, candidates: writeNumber }),
  fail: inOrder<'fail'>({ error: write, duration_us: writeNumber }),
  close: inOrder<'close'>(writeCloseFields),
  udp_flow: inOrder<'udp_flow'>({
    duration_us: writeNumber,
    bytes_sent: writeNumber,
    bytes_received: writeNumber,
    datagrams_sent: writeNumber,
    datagrams_received: writeNumber,
    closed_by: writeWord,
    idle_us: writeNumber,
  }),
  fd_install: inOrder<'fd_install'>({ fd: writeNumber }),
  lost: inOrder<'lost'>({ count: writeNumber, where: writeWord }),
};

/** Every kind of record. */
export const eventNames = Object.keys(writers) as EventName[];

/** The order of the fields in the lines of a kind of record. */
export function fieldOrder(event: EventName): readonly string[] {
  return writers[event].map(({ name }) => name);
}

/** One record as one line with its line break. */
export function jsonLine(record: EnrichedRecord): string {
  return `${jsonFields(record, writers[record.event])}}\n`;
}

/** The part of a record's line from one of its fields on, up to another, without that. */
export function jsonBetween(record: EnrichedRecord, from: FieldName, to: FieldName): string {
  const all = writers[record.event];
  const place = (field: FieldName): number => all.findIndex(({ name }) => name === field);
  return jsonFields(record, all.slice(place(from), place(to)));
}

function jsonFields(record: EnrichedRecord, all: readonly FieldWriter[]): string {
  const fields: Fields<unknown> = record;
  let text = '';
  for (const { name, key, writer } of all) {
    const value = fields[name];
    if (value !== undefined) text += key + writer(value);
  }
  return text;
}
