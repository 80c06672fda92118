/** Values that occur in several answers. */
import { z } from 'zod';

/** RFC 3339 in UTC with nanoseconds. */
export const time = z
  .string()
  .regex(/^-?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
  .describe('RFC 3339 in UTC, with nanoseconds.');

/** 64 bits. */
export const id = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .describe('64 bits, 16 hexadecimal digits.');

const count = z.number().min(0);

/** A range of time. */
export const rangeJson = z.strictObject({ from: time, to: time });

/** A loss. */
export const lossJson = z.strictObject({
  since: time.exactOptional(),
  time: time.describe('The end of the span in which it was.'),
  count: count.exactOptional().describe('Events lost; absent where that is not known.'),
  where: z.string().describe('ring, map, probe, udp, missed, collector (none ran), or history (not stored).'),
  detail: z.string().exactOptional(),
  host: id.exactOptional(),
});

/** What an answer lacks of another host. */
export const incompleteJson = z
  .array(
    z.strictObject({
      host: z.string().describe('What the configuration calls it.'),
      answered: z.boolean().describe('false: nothing of it is in the answer; true: a part is lacking.'),
      reason: z.string(),
    }),
  )
  .exactOptional()
  .describe('What the answer lacks of other hosts; absent where none are asked.');

/** What every answer about a range says about it. */
export const coverageJson = {
  range: rangeJson,
  losses: z.array(lossJson).describe('Losses whose spans reach into the range.'),
  unrecorded: z.array(rangeJson).describe('Spans of the range in which nothing was recorded.'),
  incomplete: incompleteJson,
};

/** What is added up, of a group or of a second. */
const sumsJson = {
  connections: count,
  failures: count,
  bytes_sent: count,
  bytes_received: count,
  segments_sent: count,
  segments_received: count,
  retransmits: count,
};

/** Figures of a group. */
export const measuresJson = {
  ...sumsJson,
  rate: count.describe('Bytes a second, both ways.'),
  retransmit_ratio: count.exactOptional(),
  handshake_us: count.exactOptional().describe('Mean; absent where none is known.'),
  srtt_us: count.exactOptional().describe('Mean; absent where none is known.'),
  duration_us: count.exactOptional().describe('Mean; absent where none is known.'),
};

/** What a second has more, in the live stream. */
export const secondJson = z.strictObject({
  time: time.describe('When the second begins.'),
  ...sumsJson,
});

/** Values of fields by name; null: not known. */
export const keyJson = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));

const endpoint = z.strictObject({
  address: z.string(),
  port: z.int().min(0).max(65_535),
  name: z.string().exactOptional(),
  group: z.string().exactOptional().describe('Of a peer: the group of networks that its address is in.'),
  country: z.string().exactOptional().describe('Of a peer: its country, two letters.'),
  asn: z.int().exactOptional().describe('Of a peer: the number of its autonomous system.'),
  as_org: z.string().exactOptional().describe('Of a peer: the organisation of that system.'),
});

const name = z.string().exactOptional();
const number = z.number().exactOptional();

/** What a connection is, in all answers. */
const connectionJson = {
  host: id,
  time,
  monotonic_ns: z.number(),
  process: z
    .strictObject({
      pid: number,
      tid: number,
      comm: name,
      uid: number,
      executable: name,
      command_line: name,
      container_id: name,
      container_runtime: name,
      container_name: name,
      pod_uid: name,
      pod_name: name,
      pod_namespace: name,
      unit: name,
    })
    .exactOptional(),
  thread: name,
  netns: number,
  cgroup_id: number,
  network: z.strictObject({ transport: z.enum(['tcp', 'udp']), type: z.enum(['ipv4', 'ipv6']) }),
  local: endpoint,
  peer: endpoint,
  service: name,
  direction: z.enum(['outbound', 'inbound']).exactOptional(),
  interface: name,
  interface_index: number,
  flow_id: z.string().exactOptional().describe('Unique on a host and boot.'),
  connection_id: id.exactOptional().describe('Equal at both ends of a connection.'),
};

const figuresJson = {
  bytes_sent: number,
  bytes_received: number,
  segments_sent: number,
  segments_received: number,
  datagrams_sent: number,
  datagrams_received: number,
  retransmits: number,
  srtt_us: number,
};

/** A connection that ended or failed, as `weir trace --json` shows it. */
export const endJson = z.strictObject({
  event: z.enum(['close', 'fail', 'udp_flow']),
  ...connectionJson,
  cpu: number,
  duration_us: number,
  handshake_us: number,
  error: name,
  ...figuresJson,
  closed_by: name,
  closing_us: number,
  idle_us: number,
  subflows: number,
  accounted: name,
  candidates: number,
  filter: name,
});

/** A connection that was open. */
export const openJson = z.strictObject({
  ...connectionJson,
  started: time.exactOptional().describe('Absent where it was opened before the collector began.'),
  state: name,
  ...figuresJson,
  send_rate: number.describe('Bytes a second at the moment; absent where not asked for or not known.'),
  receive_rate: number.describe('Bytes a second at the moment; absent where not asked for or not known.'),
});

/** What an end of a connection moved in a span. */
export const intervalJson = z.strictObject({
  host: id,
  time: time.describe('The end of the span.'),
  span_us: z.number(),
  local: endpoint,
  flow_id: z
    .string()
    .exactOptional()
    .describe('Absent before the end of one that is older than the collector.'),
  ...figuresJson,
});
