/** Statements to begin with. `$from` and `$to` are the page's range. */

/** A statement with a name. */
export interface NamedSql {
  readonly name: string;
  readonly sql: string;
}

/** The examples. */
export const sqlExamples: readonly NamedSql[] = [
  {
    name: 'Top peers by bytes',
    sql: `SELECT coalesce(peer_name, peer_address) AS peer, count(*) AS connections,
  sum(bytes_sent) AS sent, sum(bytes_received) AS received
FROM ends
WHERE time BETWEEN $from AND $to
GROUP BY peer
ORDER BY sent + received DESC NULLS LAST
LIMIT 50`,
  },
  {
    name: 'Failures by error',
    sql: `SELECT error, comm, peer_address, peer_port, count(*) AS failures,
  min(time) AS first, max(time) AS last
FROM ends
WHERE event = 'fail' AND time BETWEEN $from AND $to
GROUP BY ALL
ORDER BY failures DESC`,
  },
  {
    name: 'Slow handshakes',
    sql: `SELECT time, comm, peer_address, peer_port, handshake_us / 1000 AS handshake_ms, retransmits
FROM ends
WHERE handshake_us IS NOT NULL AND time BETWEEN $from AND $to
ORDER BY handshake_us DESC
LIMIT 100`,
  },
  {
    name: 'Bytes by process over time',
    sql: `SELECT time_bucket(INTERVAL '10 seconds', time) AS step, comm,
  sum(bytes_sent + bytes_received) AS bytes
FROM (
  SELECT time, comm, bytes_sent, bytes_received FROM intervals
  UNION ALL
  SELECT time, comm, bytes_sent, bytes_received FROM ends WHERE interval_rows = 0
)
WHERE time BETWEEN $from AND $to
GROUP BY ALL
ORDER BY step`,
  },
  {
    name: 'Handshakes over time',
    sql: `SELECT time_bucket(INTERVAL '10 seconds', time) AS step,
  quantile_cont(handshake_us, 0.5) AS median_us, quantile_cont(handshake_us, 0.95) AS p95_us
FROM ends
WHERE time BETWEEN $from AND $to
GROUP BY step
ORDER BY step`,
  },
  {
    name: 'Who closed',
    sql: `SELECT comm, closed_by, count(*) AS connections, median(duration_us) / 1e6 AS median_seconds
FROM ends
WHERE event = 'close' AND time BETWEEN $from AND $to
GROUP BY ALL
ORDER BY connections DESC`,
  },
  {
    name: 'Peers that are new today',
    sql: `SELECT comm, peer_address, min(time) AS first, count(*) AS connections
FROM ends
WHERE direction = 'outbound'
GROUP BY ALL
HAVING first >= $to - INTERVAL '1 day'
ORDER BY first DESC
LIMIT 200`,
  },
  {
    name: 'Sent again, by interface and peer',
    sql: `SELECT coalesce(interface, 'any') AS interface, peer_address, sum(retransmits) AS retransmits,
  round(100.0 * sum(retransmits) / sum(segments_sent), 2) AS percent
FROM ends
WHERE time BETWEEN $from AND $to
GROUP BY ALL
HAVING retransmits > 0
ORDER BY percent DESC`,
  },
  {
    name: 'What was lost',
    sql: `SELECT place, since, time, count, detail
FROM losses
ORDER BY time DESC`,
  },
];
