/** The words that stand in columns as numbers. */
import { Direction } from '../generated/tcp.js';
import { closeReaders } from '../records/close-readers.js';
import { eventNames } from '../stream/decode.js';
import type { ColumnName, ColumnTypes } from './column-types.js';

type WordColumn = {
  [Name in ColumnName]: ColumnTypes[Name] extends Uint8Array ? Name : never;
}[ColumnName];

/** Columns of words: all of bytes, but for those with 16 bytes a row. */
export type ColumnWord = Exclude<WordColumn, 'comm' | 'thread' | 'local_address' | 'peer_address'>;

const absentFirst = (words: readonly string[]): readonly (string | undefined)[] => [undefined, ...words];

const directions: (string | undefined)[] = [];
directions[Direction.DIRECTION_UNKNOWN] = undefined;
directions[Direction.DIRECTION_OUTBOUND] = 'outbound';
directions[Direction.DIRECTION_INBOUND] = 'inbound';

/** The word for each number in a column of words; undefined for the number that says it is absent. */
export const columnWords: { readonly [Name in ColumnWord]: readonly (string | undefined)[] } = {
  ...(Object.fromEntries(
    closeReaders.flatMap(({ name, field }) =>
      field.unit === 'name' ? [[name, absentFirst(field.names)]] : [],
    ),
  ) as { readonly [Name in Exclude<ColumnWord, 'event' | 'direction' | 'accounted'>]: readonly string[] }),
  event: eventNames,
  direction: directions,
  accounted: absentFirst(['accept', 'listener']),
};
