/** Connections between many hosts as ClickHouse's SQL makes them: the same for the same numbers. Pure. */

/** A span of connections. */
export interface FleetSpan {
  /** When it begins, seconds since 1970. */
  readonly from: number;
  readonly seconds: number;
  /** The number of its first connection among all. */
  readonly first: number;
  readonly connections: number;
  readonly hosts: number;
}

/** So many in a hundred connections have both ends on hosts of the fleet; the peers of the others are elsewhere. */
const INSIDE_PERCENT = 70;

/** Columns that follow from others. */
const addresses: ReadonlyMap<string, string> = new Map([
  ['local_ip', 'local_address'],
  ['peer_ip', 'peer_address'],
]);

/** Which end of each connection the rows are of. */
export type FleetEnd = 'outbound' | 'inbound';

/** 64 bits that follow from the connection's number and a name. */
const bits = (name: string) => `cityHash64(number, '${name}')`;
/** A number from 0 to 1. */
const chance = (name: string) => `(bitShiftRight(${bits(name)}, 11) / 9007199254740992)`;
const below = (name: string, limit: number | string) => `toUInt32(floor(${chance(name)} * ${limit}))`;
/** Few values are frequent, many are rare. */
const uneven = (name: string, limit: number) => `toUInt32(floor(pow(${chance(name)}, 3) * ${limit}))`;

function drawn({ from, seconds, first, connections, hosts }: FleetSpan): string {
  return `SELECT number, ${bits('id')} AS id, ${below('client', hosts)} AS client, ${uneven('server', hosts)} AS server,
    ${below('inside', 100)} < ${INSIDE_PERCENT} AS inside, ${uneven('process', 60)} AS process,
    toUInt32(exp(5 + 14 * pow(${chance('length')}, 2))) AS us, ${chance('fails')} < 0.02 AS fails,
    toUInt64(exp(3 + 8 * ${chance('sent')})) AS sent, toUInt64(exp(3 + 11 * ${chance('received')})) AS received,
    arrayElement([443, 80, 5432, 6379, 8080, 9092, 53, 3306], 1 + process % 8) AS serving, 32768 + ${below('port', 28_232)} AS port,
    toUInt32(200 + (server % 41) * 300 + ${below('handshake', '(60 + (server % 41) * 40)')}) AS rtt,
    toUInt32(if(${chance('again')} < 0.02, 1 + ${below('times', 4)}, 0)) AS again,
    fromUnixTimestamp64Nano(toInt64(${from}) * 1000000000 + toInt64((number - ${first} + ${chance('time')}) * ${(seconds * 1e9) / connections})) AS moment,
    IPv4NumToString(toUInt32(${10 * 2 ** 24} + 65536 + client)) AS client_address,
    IPv4NumToString(toUInt32(if(inside, ${10 * 2 ** 24} + 65536 + server, ${203 * 2 ** 24 + 113 * 2 ** 8} + ${uneven('elsewhere', 200_000)}))) AS server_address
    FROM numbers(${first}, ${connections})`;
}

/** Values of columns of `ends`, by their names. */
function columnsOf(end: FleetEnd): Readonly<Record<string, string>> {
  const isClient = end === 'outbound';
  const name = isClient ? `concat('worker-', toString(process))` : `concat('server-', toString(serving))`;
  const [local, peer] = isClient
    ? ['client_address', 'server_address']
    : ['server_address', 'client_address'];
  const [localPort, peerPort] = isClient ? ['port', 'serving'] : ['serving', 'port'];
  const closed = (sql: string) => `if(fails, NULL, ${sql})`;
  return {
    host_id: `toUInt64(1000 + ${isClient ? 'client' : 'server'})`,
    time: isClient ? 'moment' : 'addMicroseconds(moment, rtt)',
    clock_offset_ns: `toInt64(1700000000000000000)`,
    flow_ns: 'toUInt64(toUnixTimestamp64Nano(moment) - us * 1000)',
    flow_cpu: 'number % 4',
    connection_id: closed('id'),
    transport: `'tcp'`,
    family: `'ipv4'`,
    netns: '4026531840',
    local_address: local!,
    local_ip: local!,
    local_port: localPort!,
    peer_address: peer!,
    peer_ip: peer!,
    peer_port: peerPort!,
    service: `multiIf(serving = 443, 'https', serving = 80, 'http', serving = 5432, 'postgresql', NULL)`,
    direction: `'${end}'`,
    pid: '1000 + process * 7',
    tid: '1000 + process * 7',
    comm: name,
    uid: 'process % 5',
    cgroup_id: '5000 + process',
    executable: `concat('/usr/lib/', ${name}, '/bin/worker')`,
    command_line: `concat('/usr/lib/', ${name}, '/bin/worker --config /etc/worker.conf')`,
    unit: `concat(${name}, '.service')`,
    event: `if(fails, 'fail', 'close')`,
    cpu: 'number % 4',
    duration_us: 'us',
    handshake_us: isClient ? closed('rtt') : 'CAST(NULL AS Nullable(UInt32))',
    error: `if(fails, arrayElement(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH'], 1 + number % 3), NULL)`,
    bytes_sent: closed(isClient ? 'sent' : 'received'),
    bytes_received: closed(isClient ? 'received' : 'sent'),
    segments_sent: closed('4 + intDiv(sent, 1448)'),
    segments_received: closed('4 + intDiv(received, 1448)'),
    retransmits: closed('again'),
    srtt_us: closed('rtt + number % 100'),
    closed_by: closed(
      isClient ? `if(number % 5 < 3, 'local', 'peer')` : `if(number % 5 < 3, 'peer', 'local')`,
    ),
    closing_us: closed('rtt'),
    interval_rows: '0',
  };
}

/** Writes one end of each connection of a span to a Parquet file, as segments are. */
export function writeEnds(span: FleetSpan, end: FleetEnd, file: string): string {
  // A server has no end of what failed.
  const only = end === 'outbound' ? '' : ' WHERE inside AND NOT fails';
  const columns = Object.entries(columnsOf(end)).filter(([name]) => !addresses.has(name));
  return `INSERT INTO FUNCTION file('${file}', 'Parquet')
    SELECT ${columns.map(([name, sql]) => `${sql} AS new_${name}`).join(', ')} FROM (${drawn(span)})${only}`;
}

/** Inserts the rows of such a file, as one block where there is room. */
export function insertEnds(end: FleetEnd, file: string): string {
  const names = Object.keys(columnsOf(end));
  const values = names.map((name) => {
    const text = addresses.get(name);
    return text === undefined ? `new_${name}` : `toIPv6(new_${text})`;
  });
  return `INSERT INTO weir.ends (${names.join(', ')}) SELECT ${values.join(', ')} FROM file('${file}', 'Parquet')`;
}

/** Inserts the hosts. */
export function insertHosts(hosts: number, time: number): string {
  return `INSERT INTO weir.hosts (host_id, time, name, boot_id)
    SELECT 1000 + number, fromUnixTimestamp64Nano(toInt64(${time}) * 1000000000), concat('host-', toString(number)), toString(generateUUIDv4()) FROM numbers(${hosts})`;
}
