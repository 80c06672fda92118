/** Connections of a host as SQL makes them: the same for the same numbers, and as uneven as those of a real host. Pure. */

/** A span of rows. */
export interface RowSpan {
  /** When it begins, nanoseconds since 1970. */
  readonly from: bigint;
  readonly ns: bigint;
  /** The number of its first row among all rows. */
  readonly first: number;
  readonly rows: number;
}

/** The kernel's clock began so long before the first row. */
const BOOT_NS = 86_400_000_000_000n;

const names: string[] = [];

/** 64 bits that follow from the row's number and a name. DuckDB's hash of two values would be related to that of each. */
function bits(name: string): string {
  if (!names.includes(name)) names.push(name);
  return `hash(i * 64 + ${names.indexOf(name)})`;
}

/** A number from 0 to 1. */
const chance = (name: string) => `((${bits(name)} >> 11)::DOUBLE / 9007199254740992.0)`;
const below = (name: string, limit: number | string) => `floor(${chance(name)} * ${limit})::BIGINT`;
/** Few values are frequent, many are rare. */
const uneven = (name: string, limit: number) => `floor(pow(${chance(name)}, 3) * ${limit})::BIGINT`;
const uuid = (number: string) =>
  `('00000000-0000-0000-0000-ffff' || lpad(lower(to_hex(${number})), 8, '0'))::UUID`;
const text = (number: string) =>
  `concat_ws('.', (${number} >> 24) & 255, (${number} >> 16) & 255, (${number} >> 8) & 255, ${number} & 255)`;

const LOCAL = 10 * 2 ** 24 + (1 << 16) + (2 << 8) + 3;

/** @param origin The time of the first of all rows. */
function drawn({ from, ns, first, rows }: RowSpan, origin: bigint): string {
  const gap = Number(ns) / rows;
  return `SELECT i, ${from} + floor((i - ${first} + ${chance('time')}) * ${gap})::BIGINT AS moment,
    moment - ${origin - BOOT_NS} AS clock, ${uneven('process', 60)} AS process, ${chance('inbound')} < 0.2 AS inbound,
    CASE WHEN inbound THEN 9000000 + ${below('client', 5000)} * 77 ELSE 200000 + ${uneven('peer', 2000)} * 13 END + ${10 * 2 ** 24} AS peer,
    floor(exp(5 + 14 * pow(${chance('length')}, 2)))::BIGINT AS us, ${chance('fails')} < 0.02 AS fails,
    CASE WHEN fails THEN 0 ELSE floor(exp(3 + 8 * ${chance('sent')}))::BIGINT END AS sent,
    CASE WHEN fails THEN 0 ELSE floor(exp(3 + 11 * ${chance('received')}))::BIGINT END AS received,
    [443, 80, 5432, 6379, 8080, 9092, 53, 3306][1 + process % 8] AS serving,
    200 + (peer % 41) * 300 + ${below('handshake', '(60 + (peer % 41) * 40)')} AS rtt
    FROM range(${first}, ${first + rows}) AS numbers(i)`;
}

/** A SELECT of rows of `ends`, in order of time. Insert it by name. */
export function endsSql(span: RowSpan, origin: bigint): string {
  return `SELECT 99::UBIGINT AS host_id, make_timestamp_ns(moment) AS time, clock AS monotonic_ns,
    (clock - us * 1000 - ${below('rest', 1000)})::UBIGINT AS flow_ns, (${below('cpu', 4)})::USMALLINT AS flow_cpu,
    CASE WHEN NOT fails THEN ${bits('id')} END AS connection_id, 'tcp' AS transport, 'ipv4' AS family, 4026531840 AS netns,
    ${text(String(LOCAL))} AS local_address, ${uuid(String(LOCAL))} AS local_ip,
    CASE WHEN inbound THEN 443 ELSE 32768 + ${below('port', 28_232)} END AS local_port,
    ${text('peer')} AS peer_address, ${uuid('peer')} AS peer_ip,
    CASE WHEN inbound THEN 32768 + ${below('port', 28_232)} ELSE serving END AS peer_port,
    CASE WHEN inbound OR serving = 443 THEN 'https' WHEN serving = 80 THEN 'http' WHEN serving = 5432 THEN 'postgresql' END AS service,
    CASE WHEN inbound THEN 'inbound' ELSE 'outbound' END AS direction,
    1000 + process * 7 + ${below('worker', 4)} AS pid, pid AS tid, 'worker-' || process AS comm, process % 5 AS uid,
    5000 + process AS cgroup_id, '/usr/lib/worker-' || process || '/bin/worker' AS executable,
    '/usr/lib/worker-' || process || '/bin/worker --config /etc/worker-' || process || '.conf' AS command_line,
    CASE WHEN process % 3 = 0 THEN sha256(process::VARCHAR) END AS container_id,
    CASE WHEN process % 3 = 0 THEN 'docker' END AS container_runtime,
    CASE WHEN process % 3 = 0 THEN 'worker-' || process || '-1' END AS container_name,
    CASE WHEN process % 3 <> 0 THEN 'worker-' || process || '.service' END AS unit,
    CASE WHEN fails THEN 'fail' ELSE 'close' END AS event, ${below('cpu', 4)} AS cpu, us AS duration_us,
    CASE WHEN NOT inbound AND NOT fails THEN rtt END AS handshake_us,
    CASE WHEN fails THEN ['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH'][1 + ${uneven('error', 3)}] END AS error,
    CASE WHEN NOT fails THEN sent END AS bytes_sent, CASE WHEN NOT fails THEN received END AS bytes_received,
    CASE WHEN NOT fails THEN 4 + sent // 1448 END AS segments_sent,
    CASE WHEN NOT fails THEN 4 + received // 1448 END AS segments_received,
    CASE WHEN fails THEN NULL WHEN ${chance('again')} < 0.02 THEN 1 + ${below('times', 4)} ELSE 0 END AS retransmits,
    CASE WHEN NOT fails THEN rtt + ${below('smooth', 100)} END AS srtt_us,
    CASE WHEN fails THEN NULL WHEN ${chance('closer')} < 0.6 THEN 'local' WHEN ${chance('closer')} < 0.98 THEN 'peer' ELSE 'reset' END AS closed_by,
    CASE WHEN NOT fails THEN rtt + ${below('closing', 50)} END AS closing_us,
    CASE WHEN us < 60000000 OR fails THEN 0 ELSE ceil(us / 60e6)::BIGINT END AS interval_rows
    FROM (${drawn(span, origin)}) ORDER BY time`;
}

/** A SELECT of the rows of `intervals` about those of a table `made` that has rows of `ends`. */
export const intervalsSql = `SELECT made.* EXCLUDE (time, monotonic_ns, bytes_sent, bytes_received, segments_sent, segments_received, retransmits),
    make_timestamp_ns(epoch_ns(time) - minute * 60000000000) AS time, monotonic_ns - minute * 60000000000 AS monotonic_ns,
    least(60000000, duration_us - 60000000 * minute) AS span_us,
    bytes_sent // interval_rows AS bytes_sent, bytes_received // interval_rows AS bytes_received,
    segments_sent // interval_rows AS segments_sent, segments_received // interval_rows AS segments_received,
    CASE WHEN minute = 0 THEN retransmits ELSE 0 END AS retransmits
    FROM made, range(0, 60) AS minutes(minute) WHERE minute < interval_rows`;

/** A SELECT of the rows of `opens` that full sweeps found: what ended after one and had begun before. */
export const opensSql = `SELECT made.* EXCLUDE (time, monotonic_ns), swept.time AS time,
    made.monotonic_ns - (epoch_ns(made.time) - epoch_ns(swept.time)) AS monotonic_ns,
    make_timestamp_ns(epoch_ns(made.time) - duration_us * 1000) AS started, 'ESTABLISHED' AS state
    FROM made JOIN (SELECT time FROM recent.batches WHERE sweep = 'full') AS swept
      ON made.time > swept.time AND made.time - to_microseconds(duration_us) <= swept.time
    WHERE event <> 'fail'`;
