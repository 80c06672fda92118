/** Sums of rows of traffic, and how they add up. Pure. */

/**
 * Sums of parts, which add up to the measures of any union of them. Sums of doubles are exact up to 2^53, as a number of JavaScript
 * is, and need less CPU than those of 128 bits that DuckDB has for BIGINT.
 */
const sums = [
  ...[
    counted('event'),
    { over: "count(CASE WHEN event = 'fail' THEN 1 END)", of: "(event = 'fail')::DOUBLE" },
  ],
  ...['bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'].map((name) => ({
    over: `coalesce(sum(counted_${name}), 0)`,
    of: `counted_${name}`,
  })),
  ...['handshake_us', 'srtt_us', 'duration_us'].flatMap((name) => [
    { over: `sum(${name}::DOUBLE)`, of: `${name}::DOUBLE` },
    counted(name),
  ]),
];

function counted(name: string) {
  return { over: `count(${name})`, of: `(${name} IS NOT NULL)::DOUBLE` };
}

const listOf = (expressions: readonly string[]) =>
  expressions.map((sql, index) => `${sql} AS ${sumNames[index]}`).join(', ');

/** Names of the sums. */
export const sumNames: readonly string[] = sums.map((_, index) => `p${index}`);
/** Select list of the sums over rows of traffic. */
export const sumList: string = listOf(sums.map(({ over }) => over));
/** Select list of the parts of one row of traffic: what it adds to each sum, or NULL. */
export const partList: string = listOf(sums.map(({ of }) => of));
/** Select list of the same, over parts that have them. */
export const addedList: string = sumNames
  .map((name) => `coalesce(sum(${name}::DOUBLE), 0) AS ${name}`)
  .join(', ');
