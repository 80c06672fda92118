/** Balancers in answers. */
import { z } from 'zod';
import { changeKinds } from '../../balancer/state-changes.js';
import { time } from './values.js';

const count = z.number().min(0);
const name = z.string();
const port = z.int().min(0).max(65_535);

const trafficJson = {
  packets: count.exactOptional().describe('Since the start; absent for a moment in the past.'),
  bytes: count.exactOptional().describe('Since the start, without Ethernet and outer headers.'),
  packets_per_second: count.exactOptional().describe('Between the last two looks.'),
  bytes_per_second: count.exactOptional(),
};

/** A real of a VIP. */
export const balancerRealJson = z.strictObject({
  name,
  address: z.string(),
  port: port.exactOptional().describe("Where it is not the VIP's."),
  weight: count.describe('In the configuration.'),
  ring_weight: count.describe('In the ring; 0: it gets no new flows.'),
  share: count.describe('Share of the ring, 0 to 1.'),
  drained: z.boolean().describe('Drained by hand.'),
  condition: z.enum(['unknown', 'up', 'held', 'down']).exactOptional().describe('Absent without a check.'),
  reason: z.string().exactOptional().describe("The last check's finding."),
  since: time.exactOptional().describe('When the condition changed last.'),
  ...trafficJson,
});

/** A VIP. */
export const balancerVipJson = z.strictObject({
  name,
  address: z.string(),
  port,
  protocol: z.enum(['tcp', 'udp']),
  forwarding: z.enum(['tunnel', 'direct', 'nat']),
  state: z.enum(['unchecked', 'unknown', 'up', 'down']),
  ...trafficJson,
  reals: z.array(balancerRealJson).describe('The traffic of a real is that of all its VIPs.'),
});

/** A balancer. */
export const balancerJson = z.strictObject({
  name,
  running: z.boolean().describe('Whether its process answers. Where that has ended, it forwards on.'),
  version: z.string().exactOptional(),
  pid: z.int().exactOptional(),
  started: time.exactOptional(),
  interfaces: z.array(
    z.strictObject({
      name,
      mode: z.enum(['native', 'generic']).exactOptional().describe('Absent: no longer attached.'),
    }),
  ),
  packets: z
    .strictObject({ tx: count, pass: count, drop: count })
    .exactOptional()
    .describe('Packets since the start that were sent on, left to the host, dropped.'),
  vips: z.array(balancerVipJson),
  omitted: z.int().describe('VIPs and reals for which there was no room.'),
});

/** A change. */
export const balancerChangeJson = z.strictObject({
  time: time.describe('When it was seen: up to a few seconds later than it was.'),
  kind: z.enum(changeKinds),
  balancer: name,
  vip: name.exactOptional(),
  real: name.exactOptional(),
  before: z.union([z.string(), z.number()]).exactOptional(),
  after: z.union([z.string(), z.number()]).exactOptional(),
  detail: z.string().exactOptional(),
});

/** What a VIP or a real moved. */
export const balancerSeriesJson = z.strictObject({
  balancer: name,
  vip: name,
  real: name.exactOptional(),
  address: z.string().exactOptional(),
  points: z.array(
    z.strictObject({
      time: time.describe('When the step begins.'),
      seconds: count.describe('The time in it of which is known what was moved.'),
      packets: count,
      bytes: count,
    }),
  ),
});

/** Where a flow goes. */
export const foundFlowJson = z.strictObject({
  verdict: z.string().describe('Action of XDP; tx: sent on.'),
  reason: z
    .string()
    .describe('What chose the real, or why there is none, as `weir balance lookup --json` has it.'),
  vip: name.exactOptional(),
  real: z
    .strictObject({ name: name.exactOptional(), address: z.string(), port: port.exactOptional() })
    .exactOptional(),
});
