/** Sums of rows of traffic, and how they add up. Pure. */

/**
 * Sums of parts, which add up to the measures of any union of them. Sums of doubles are exact up to 2^53, as a number of JavaScript
 * is, and need less CPU than those of 128 bits that DuckDB has for BIGINT.
 */
const sums = [
  'count(event)',
  "count(CASE WHEN event = 'fail' THEN 1 END)",
  'coalesce(sum(counted_bytes_sent), 0)',
  'coalesce(sum(counted_bytes_received), 0)',
  'coalesce(sum(counted_segments_sent), 0)',
  'coalesce(sum(counted_segments_received), 0)',
  'coalesce(sum(counted_retransmits), 0)',
  'sum(handshake_us::DOUBLE)',
  'count(handshake_us)',
  'sum(srtt_us::DOUBLE)',
  'count(srtt_us)',
  'sum(duration_us::DOUBLE)',
  'count(duration_us)',
];
/** Names of the sums. */
export const sumNames: readonly string[] = sums.map((_, index) => `p${index}`);
/** Select list of the sums over rows of traffic. */
export const sumList: string = sums.map((sql, index) => `${sql} AS ${sumNames[index]}`).join(', ');
/** Select list of the same, over parts that have them. */
export const addedList: string = sumNames
  .map((name) => `coalesce(sum(${name}::DOUBLE), 0) AS ${name}`)
  .join(', ');
