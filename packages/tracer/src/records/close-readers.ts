/** Reading the fields of `close` records from events, as their table describes them. */
import { offsetsTcpEvent } from '../generated/tcp.js';
import { type CloseField, type CloseFields, closeFields, type WritableCloseFields } from './close-fields.js';
import { isWide, readWide } from './event-members.js';

/** A field in the form in which events are read. */
export interface CloseReader {
  readonly name: keyof CloseFields;
  readonly field: CloseField;
  /** Flags that must be set. */
  readonly mask: number;
  /** Where the member is in the event; -1 without one. */
  readonly at: number;
  readonly wide: boolean;
  readonly nanoseconds: boolean;
  readonly zeroIsUnknown: boolean;
}

/** In the order of {@link closeFields}. */
export const closeReaders: readonly CloseReader[] = Object.entries(closeFields).map(([name, field]) => ({
  name: name as keyof CloseFields,
  field,
  mask: field.flag ?? 0,
  at: field.member === undefined ? -1 : offsetsTcpEvent[field.member],
  wide: field.member !== undefined && isWide(field.member),
  nanoseconds: field.member?.endsWith('Ns') ?? false,
  zeroIsUnknown: field.unit !== 'name' && field.zeroIsUnknown === true,
}));

/** The value of a field in an event, for one of names its number; -1 where it is not known. */
export function readCloseField(reader: CloseReader, view: DataView, offset: number, flags: number): number {
  if ((flags & reader.mask) !== reader.mask) return -1;
  if (reader.at < 0) return 0;
  const at = offset + reader.at;
  const value = reader.wide ? readWide(view, at) : view.getUint32(at, true);
  if (value === 0 && reader.zeroIsUnknown) return -1;
  return reader.nanoseconds ? microseconds(value) : value;
}

/** Adds to a record what the event has of these fields. */
export function readCloseFields(record: WritableCloseFields, view: DataView, offset: number): void {
  const flags = view.getUint32(offset + offsetsTcpEvent.flags, true);
  for (let index = 0; index < closeReaders.length; index++) {
    const reader = closeReaders[index]!;
    const value = readCloseField(reader, view, offset, flags);
    if (value < 0) continue;
    const { field } = reader;
    if (field.unit === 'name') field.set(record, field.names[value]!);
    else field.set(record, value);
  }
}

/** Whole microseconds. */
export function microseconds(ns: number): number {
  return Math.round(ns / 1000);
}
