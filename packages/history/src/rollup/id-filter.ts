/**
 * Bloom filters of the ids of a segment's connections: 24 bits for each connection say of 99 in 100 segments that an id is not in them.
 * Ids are random enough (initial sequence numbers, nanoseconds) for their remainders to be hashes. A segment has several filters, each of
 * a part of the ids, so that a question about one id reads that one alone: those of ten million connections are 30 MB. Pure.
 */

/** An id by which rows are looked for. */
export interface RowId {
  readonly column: 'connection_id' | 'flow_ns';
  readonly value: bigint;
}

/** For each of both ids. */
const BITS_PER_ID = 12;
const LEAST_BITS = 64;
/** DuckDB has no longer ones. */
const MOST_BITS = 1_000_000_000;
/** A place for each: remainders by the number of bits without these. */
const LESS = [1, 3, 5, 7];
/** A power of two. */
const FILTERS = 16;
/** In which filter an id is, say bits from here on: the lowest of a clock that counts coarsely are alike. */
const FILTER_SHIFT = 12;

/** Columns with the filters of a segment. */
export const filterColumns: readonly string[] = Array.from({ length: FILTERS }, (_, index) => `ids_${index}`);

/** Bits of each filter of a segment; undefined where there are too many rows for any. */
export function filterBits(rows: number): number | undefined {
  const bits = Math.max(LEAST_BITS, Math.ceil((rows * 2 * BITS_PER_ID) / FILTERS));
  return bits > MOST_BITS ? undefined : bits;
}

/** A flow_id shows the first 15 digits of a number that has 16: rows that look alike have the same places. */
const shown = (id: string) => `CASE WHEN ${id} >= 1152921504606846976 THEN ${id} >> 4 ELSE ${id} END`;

/** A SELECT of the filters of all rows, by name; one that no id is in is NULL. @param source A subquery with the columns of `ends`. */
export function idFiltersSql(source: string, bits: number): string {
  const places = LESS.map((less) => `(id % ${bits - less})::BIGINT`);
  const columns = filterColumns.map((name, index) => `any_value(ids) FILTER (part = ${index}) AS ${name}`);
  return `SELECT ${columns.join(', ')} FROM (
    SELECT part, bitstring_agg(place, 0, ${bits - 1}) AS ids FROM (
      SELECT (id >> ${FILTER_SHIFT}) & ${FILTERS - 1} AS part, unnest([${places.join(', ')}]) AS place FROM (
        SELECT unnest([connection_id, ${shown('flow_ns')}]) AS id FROM ${source}) WHERE id IS NOT NULL)
    GROUP BY part)`;
}

/** Whether filters say that none of these ids is in their segment. @param hasFilters An expression: whether there are any. */
export function lacksSql(hasFilters: string, ids: readonly RowId[]): string {
  const hits = ids.map(({ column, value }) => {
    const id = column === 'flow_ns' && value >= 2n ** 60n ? value >> 4n : value;
    const filter = filterColumns[Number((id >> BigInt(FILTER_SHIFT)) & BigInt(FILTERS - 1))]!;
    const bits = LESS.map(
      (less) =>
        `get_bit(${filter}, (${id}::UBIGINT % (bit_length(${filter}) - ${less})::UBIGINT)::INTEGER) = 1`,
    );
    return `coalesce(${bits.join(' AND ')}, false)`;
  });
  return `${hasFilters} AND NOT (${hits.join(' OR ')})`;
}
