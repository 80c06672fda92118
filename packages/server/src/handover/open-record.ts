/**
 * A record about open connections: u32 length of a JSON text, u32 zero, the text, then columns of connections, each at a multiple of 8.
 * Pure.
 */
import { FormatError } from '@weir/ebpf/errors';
import { z } from 'zod';
import type { KnownConnection } from '../collector/open-connection.js';
import type { ConnectionName } from '../collector/open-state.js';
import { align, PREFIX_BYTES } from '../wire/layout.js';
import type { BatchState } from './checkpoint.js';
import { ColumnReader, columnLayouts } from './number-columns.js';
import { COLUMN_COUNT, OpenRows, packConnections } from './open-columns.js';

/** A record has no more rows. Columns with the same value in all rows have no bytes that would bound their number. */
const MOST_ROWS = 1 << 20;

const count = z.int().min(0);
const sweep = { sweptNs: z.number().min(0), endedNs: z.number().min(0), hasFoundAll: z.boolean() };
const headerSchema = z.object({
  epoch: z.string(),
  /** The batch up to which it is so, and its time by CLOCK_MONOTONIC: another collector may give the number to another batch. */
  number: count,
  monotonicNs: z.number().min(0),
  content: z.discriminatedUnion('kind', [
    /** All that is known, with so many connections in this record and the next ones. */
    z.object({ kind: z.literal('all'), ...sweep, total: count }),
    /** What has changed. The first so many connections are gone. */
    z.object({ kind: z.literal('changes'), ...sweep, total: count, gone: count }),
    z.object({ kind: z.literal('more') }),
  ]),
});
const packedSchema = z.object({
  rows: count.max(MOST_ROWS),
  columns: z.array(z.tuple([z.enum(columnLayouts), z.number().nullable()])).max(COLUMN_COUNT),
  strings: z.array(z.string()),
});
const descriptionSchema = headerSchema.extend(packedSchema.shape);

/** Names a batch of a run. */
export type KeptBatch = Pick<BatchState, 'number' | 'monotonicNs'>;

/** What a record is about. */
export type OpenRecordHeader = z.output<typeof headerSchema>;

/** A record. */
export interface OpenRecord extends OpenRecordHeader {
  readonly connections: OpenRows;
}

/** The bytes of a record. */
export function encodeOpen(header: OpenRecordHeader, connections: readonly KnownConnection[]): Buffer {
  const { strings, columns } = packConnections(connections);
  const rows = connections.length;
  const description = { ...header, rows, strings, columns: columns.map(({ shape }) => shape) };
  const json = Buffer.from(JSON.stringify(description));
  let offset = align(PREFIX_BYTES + json.length);
  const bytes = Buffer.alloc(columns.reduce((sum, column) => sum + align(column.bytes.length), offset));
  bytes.writeUInt32LE(json.length, 0);
  json.copy(bytes, PREFIX_BYTES);
  for (const column of columns) {
    bytes.set(column.bytes, offset);
    offset += align(column.bytes.length);
  }
  return bytes;
}

/** Reads a record. @throws FormatError for what is none */
export function decodeOpen(bytes: Buffer): OpenRecord {
  if (bytes.length < PREFIX_BYTES) throw new FormatError('a record of open connections is cut off');
  const end = PREFIX_BYTES + bytes.readUInt32LE(0);
  const { data, error } = descriptionSchema.safeParse(parse(bytes.toString('utf8', PREFIX_BYTES, end)));
  if (error !== undefined) throw new FormatError('a record of open connections does not describe itself');
  const { rows, columns, strings, ...header } = data;
  return {
    ...header,
    connections: new OpenRows(new ColumnReader(bytes, align(end)), rows, columns, strings),
  };
}

/** What is kept of one that is gone: its name only. */
export function nameOnly(name: ConnectionName): KnownConnection {
  const ends = typeof name === 'string' ? undefined : name;
  return {
    ...nothing,
    flowId: typeof name === 'string' ? name : undefined,
    identity: ends && {
      ...{
        netns: ends.netns ?? 0,
        interface_index: ends.interface_index ?? 0,
        local: ends.local,
        peer: ends.peer,
      },
      ...{ direction: undefined, started_ns: undefined, process: undefined, cgroup_id: undefined, inode: 0 },
    },
  };
}

const nothing: KnownConnection = {
  ...{ flowId: undefined, identity: undefined, connectionId: undefined, handshakeUs: undefined },
  ...{
    accounted: undefined,
    candidates: undefined,
    counted: undefined,
    rows: 0,
    isOlder: false,
    untilNs: 0,
    foundNs: 0,
  },
};

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new FormatError(`a record of open connections is damaged: ${(error as Error).message}`);
  }
}
