/** The shape of `--json` lines, as docs/trace.md gives it. */
import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import type { ConnectionRecord } from '@weir/tracer';

type Socket = ConnectionRecord;
type Check = (value: unknown) => boolean;

const counter: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const positive: Check = (value) => counter(value) && value !== 0;
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string);
const object =
  (shape: Readonly<Record<string, Check>>): Check =>
  (value) => {
    assert.deepEqual(Object.keys(value as object), Object.keys(shape));
    return Object.entries(shape).every(([name, check]) => check((value as Record<string, unknown>)[name]));
  };
const end = object({
  address: (value) => isIPv4(value as string) || isIPv6(value as string),
  port: (value) => positive(value) && (value as number) <= 65_535,
});

/** Fields of every record of a socket, in their order. */
const common: Readonly<Record<string, Check>> = {
  event: oneOf('connect', 'accept', 'close', 'fail'),
  time: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(value as string),
  monotonic_ns: positive,
  cpu: counter,
  process: object({
    pid: positive,
    tid: positive,
    comm: (value) => typeof value === 'string' && value !== '',
    uid: counter,
  }),
  netns: positive,
  cgroup_id: positive,
  network: object({ transport: oneOf('tcp'), type: oneOf('ipv4', 'ipv6') }),
  local: end,
  peer: end,
  direction: oneOf('inbound', 'outbound'),
  flow_id: (value) => /^[0-9a-f]+\.\d+$/.test(value as string),
  connection_id: (value) => /^[0-9a-f]{16}$/.test(value as string),
};

const closeCounters = {
  duration_us: counter,
  bytes_sent: counter,
  bytes_received: counter,
  segments_sent: positive,
  segments_received: positive,
  retransmits: counter,
  srtt_us: positive,
  closed_by: oneOf('local', 'peer', 'reset', 'timeout', 'abort'),
  closing_us: counter,
};

/** What each kind has beyond that, in its order. */
const special: Readonly<Record<Socket['event'], Readonly<Record<string, Check>>>> = {
  connect: { handshake_us: counter },
  accept: { accounted: oneOf('accept', 'listener'), candidates: counter },
  close: closeCounters,
  fail: { error: (value) => /^E[A-Z0-9]+$/.test(value as string), duration_us: counter },
};

/** Fields that the kernel does not always know. */
const optional: ReadonlySet<string> = new Set([
  'cgroup_id',
  'connection_id',
  'srtt_us',
  'closing_us',
  'candidates',
]);

/** Checks each line field by field, and their order. @returns the records. */
export function parseLines(stdout: string): Socket[] {
  if (stdout === '') return [];
  assert.ok(stdout.endsWith('\n'), 'the last line is whole');
  return stdout.trimEnd().split('\n').map(parseLine);
}

function parseLine(line: string): Socket {
  const record = JSON.parse(line) as Socket;
  const checks: Readonly<Record<string, Check>> = { ...common, ...special[record.event] };
  const fields = Object.keys(record);
  const expected = Object.keys(checks).filter((name) => name in record || !optional.has(name));
  assert.deepEqual(fields, expected, line);
  for (const [name, value] of Object.entries(record)) assert.ok(checks[name]!(value), `${name}: ${line}`);
  const skew = Math.abs(Date.parse(record.time) - Date.now());
  assert.ok(skew < 300_000, `its time is not now: ${line}`);
  return record;
}
