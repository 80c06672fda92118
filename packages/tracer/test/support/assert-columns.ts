/** Columns compared with the records of the same events. */
import assert from 'node:assert/strict';
import type { EventColumns } from '../../src/columns/event-columns.js';
import { columnNames, columnWords } from '../../src/index.js';

type Fields = Readonly<Record<string, unknown>>;

/** Fields of records whose column has another name. */
const elsewhere: { readonly [name: string]: (record: Fields) => unknown } = {
  pid: ({ process }) => (process as Fields | undefined)?.pid,
  tid: ({ process }) => (process as Fields | undefined)?.tid,
  uid: ({ process }) => (process as Fields | undefined)?.uid,
  local_port: ({ local }) => (local as Fields | undefined)?.port,
  peer_port: ({ peer }) => (peer as Fields | undefined)?.port,
};
const ownForm = new Set([
  'time_ns',
  'comm',
  'thread',
  'local_address',
  'peer_address',
  'flow_ns',
  'flow_cpu',
  'connection_id',
  'error',
]);

/** Compares each row with its record. */
export function assertColumns(batch: EventColumns): void {
  const names = columnNames.filter((name) => !ownForm.has(name));
  for (let row = 0; row < batch.length; row++) {
    const record = batch.record(row) as unknown as Fields;
    for (const name of names) {
      const value = batch.column(name)[row];
      const words = (columnWords as Readonly<Record<string, readonly (string | undefined)[]>>)[name];
      const shown = words === undefined ? (Number.isNaN(value) ? undefined : value) : words[Number(value)];
      assert.equal(shown, (elsewhere[name] ?? ((fields) => fields[name]))(record), name);
    }
    assert.equal(wallText(batch.column('time_ns')[row]!), record.time);
    if (record.flow_id === undefined) continue;
    const flow = batch.column('flow_ns')[row]! & ((1n << 60n) - 1n);
    assert.equal(`${flow.toString(16).padStart(15, '0')}.${batch.column('flow_cpu')[row]}`, record.flow_id);
    const id = batch.column('connection_id')[row]!;
    assert.equal(id === 0n ? undefined : id.toString(16).padStart(16, '0'), record.connection_id);
  }
}

function wallText(ns: bigint): string {
  const perSecond = 1_000_000_000n;
  const fraction = ((ns % perSecond) + perSecond) % perSecond;
  const text = new Date(Number((ns - fraction) / perSecond) * 1000).toISOString().slice(0, 19);
  return `${text}.${fraction.toString().padStart(9, '0')}Z`;
}
