/** Answers that anybody may have written: what is not as the history has it would be printed, and obeyed by a terminal. Pure. */
import { isIP } from 'node:net';
import { OptionError } from '@weir/ebpf/errors';
import type { RowRecord } from '@weir/history/rows';
import { type Column, endColumns, openColumns } from '@weir/history/schema';

const columns: Readonly<Record<string, Column>> = {
  ...openColumns,
  ...endColumns,
  datagrams_sent: endColumns.segments_sent,
  datagrams_received: endColumns.segments_received,
};
const rates = ['send_rate', 'receive_rate'];

/** @throws OptionError unless it is a record of a history. */
export function checkedRecord(record: RowRecord): RowRecord {
  const { event, time, local, peer, network, process = {} } = record;
  check('event', event === undefined || endColumns.event.values!.includes(event));
  check('time', !Number.isNaN(Date.parse(time)));
  check('network', isObject(network));
  checkValues({ transport: network.transport, family: network.type });
  for (const [end, { address, port }] of Object.entries({ local, peer })) {
    check(end, isIP(address) !== 0 && typeof port === 'number');
  }
  check('process', isObject(process));
  checkValues(process);
  const { process: _, local: _local, peer: _peer, network: _network, time: _time, started, ...own } = record;
  check('started', started === undefined || !Number.isNaN(Date.parse(started)));
  checkValues(own);
  for (const name of rates) check(name, record[name] === undefined || typeof record[name] === 'number');
  return record;
}

/** @throws OptionError unless all of its figures are numbers. */
export function checkedFigures<T extends object>(figures: T): T {
  for (const [name, value] of Object.entries(figures)) {
    if (name === 'key' || name === 'changes') check(name, isObject(value));
    else if (isObject(value)) checkedFigures(value);
    else check(name, value === null || typeof value === 'number' || typeof value === 'bigint');
  }
  return figures;
}

/** Values by the names of their columns. */
function checkValues(values: object): void {
  for (const [name, value] of Object.entries(values)) {
    const column = Object.hasOwn(columns, name) ? columns[name]! : undefined;
    if (column !== undefined && value !== undefined) check(name, fits(column, value));
  }
}

function fits({ kind, values }: Column, value: unknown): boolean {
  switch (kind) {
    case 'text':
    case 'name':
    // Hexadecimal digits of 64 bits.
    case 'id':
      return typeof value === 'string' && (values === undefined || values.includes(value));
    default:
      return typeof value === 'number';
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function check(name: string, isRight: boolean): void {
  if (!isRight) throw new OptionError(`${name} has a value that no history has`);
}
