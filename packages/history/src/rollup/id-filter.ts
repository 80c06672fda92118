/**
 * Bloom filters of the ids of a segment's connections: 16 bits for each connection say of 97 in 100 segments that an id is not in them.
 * Ids are random enough (initial sequence numbers, nanoseconds) for their remainders to be hashes. Pure.
 */

/** An id by which rows are looked for. */
export interface RowId {
  readonly column: 'connection_id' | 'flow_ns';
  readonly value: bigint;
}

/** For each of both ids. */
const BITS_PER_ID = 8;
const LEAST_BITS = 64;
/** DuckDB has no longer ones. */
const MOST_BITS = 1_000_000_000;
/** A place for each: remainders by the number of bits without these. */
const LESS = [1, 3, 5, 7];

/** Bits of the filter of a segment; undefined where there are too many rows for any. */
export function filterBits(rows: number): number | undefined {
  const bits = Math.max(LEAST_BITS, rows * 2 * BITS_PER_ID);
  return bits > MOST_BITS ? undefined : bits;
}

/** A flow_id shows the first 15 digits of a number that has 16: rows that look alike have the same places. */
const shown = (id: string) => `CASE WHEN ${id} >= 1152921504606846976 THEN ${id} >> 4 ELSE ${id} END`;

/** A SELECT of the filter of all rows. @param source A subquery with the columns of `ends`. */
export function idFilterSql(source: string, bits: number): string {
  const places = LESS.map((less) => `(id % ${bits - less})::BIGINT`);
  return `SELECT bitstring_agg(place, 0, ${bits - 1}) FROM (SELECT unnest([${places.join(', ')}]) AS place FROM (
    SELECT unnest([connection_id, ${shown('flow_ns')}]) AS id FROM ${source}) WHERE id IS NOT NULL)`;
}

/** Whether a filter says that none of these ids is in its segment. */
export function lacksSql(filter: string, ids: readonly RowId[]): string {
  const hits = ids.map(({ column, value }) => {
    const id = column === 'flow_ns' && value >= 2n ** 60n ? value >> 4n : value;
    const bits = LESS.map(
      (less) =>
        `get_bit(${filter}, (${id}::UBIGINT % (bit_length(${filter}) - ${less})::UBIGINT)::INTEGER) = 1`,
    );
    return `(${bits.join(' AND ')})`;
  });
  return `NOT (${hits.join(' OR ')})`;
}
