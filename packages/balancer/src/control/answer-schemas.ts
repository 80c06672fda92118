/** What the commands of a balancer answer, for the OpenAPI document. */
import { z } from 'zod';
import { forwardings } from '../service.js';

const time = z.iso.datetime();
const traffic = {
  packets: z.number(),
  bytes: z.number().describe('Bytes of packets without Ethernet and outer headers.'),
  packetsPerSecond: z.number(),
  bytesPerSecond: z.number(),
};

const counters = z.record(z.string(), z.number());

const realStatus = z.strictObject({
  name: z.string(),
  address: z.string(),
  port: z.int().exactOptional().describe("The real's port, where it is not the VIP's."),
  weight: z.number().describe('The weight in the configuration.'),
  ringWeight: z.number().describe('The weight in the ring; 0 if the real is not in the ring.'),
  share: z.number().describe('Share of the ring, 0 to 1.'),
  drained: z.boolean().describe('Whether it was drained by hand.'),
  condition: z.enum(['unknown', 'up', 'held', 'down']).exactOptional().describe('Absent without a check.'),
  reason: z.string().exactOptional().describe("The last check's finding."),
  agent: z.string().exactOptional().describe('What its agent says; absent where that changes nothing.'),
  certificateExpires: time.exactOptional(),
  certificateWarning: z.string().exactOptional(),
  since: time.exactOptional().describe('When the condition last changed.'),
  traffic: z.strictObject(traffic).describe('Traffic of the real in all its VIPs.'),
});

const source = z.strictObject({
  kind: z.string(),
  source: z.string(),
  state: z.enum(['waiting', 'answers', 'gone']),
  answered: time.exactOptional(),
  goneSince: time.exactOptional(),
  error: z.string().exactOptional(),
  failures: z.int(),
  found: z.int(),
  skipped: z.int(),
  skippedReason: z.string().exactOptional(),
  pending: z.int(),
});

/** A VIP in the status. */
export const vipStatus = z.strictObject({
  name: z.string(),
  address: z.string(),
  port: z.int(),
  protocol: z.enum(['tcp', 'udp']),
  forwarding: z.enum(forwardings),
  flags: z.array(z.string()),
  state: z.enum(['unchecked', 'unknown', 'up', 'down']),
  ringStays: z.enum(['down', 'drained']).exactOptional().describe('Why the ring stays as it was.'),
  source: source.exactOptional().describe('Where the reals come from, if not from the file.'),
  ...traffic,
  reals: z.array(realStatus),
});

/** A real with the VIP that it serves. */
export const realOfVip = z.strictObject({ vip: z.string(), ...realStatus.shape });

export const statusAnswer = z.strictObject({
  name: z.string(),
  version: z.string(),
  pid: z.int(),
  started: time,
  interfaces: z.array(
    z.strictObject({
      interface: z.string(),
      mode: z.string().exactOptional().describe('Absent if the device or its program is gone.'),
    }),
  ),
  routers: z.array(
    z.strictObject({
      interface: z.string().exactOptional(),
      routerInterface: z
        .string()
        .exactOptional()
        .describe('The device by which packets leave for the router, if it is another.'),
      address: z.string().exactOptional(),
      mac: z.string(),
      state: z.enum(['given', 'known', 'lost']),
    }),
  ),
  advice: z.array(z.string()).exactOptional().describe('What is wrong with the devices, and how to mend it.'),
  over: z.number().describe('Time over which rates were taken, seconds; 0 without rates.'),
  vips: z.array(vipStatus),
  counters: counters.describe('Counts since the start.'),
  rates: counters.describe('Counts a second; all 0 without rates.'),
  unsent: z
    .strictObject({ redirected: z.int(), transmitted: z.int() })
    .exactOptional()
    .describe(
      'Packets that were sent on and that a driver did not take, since the control plane started. Absent where the kernel does not say.',
    ),
  sync: z
    .looseObject({ sentFlows: z.int(), receivedFlows: z.int(), refused: counters, learned: counters })
    .exactOptional()
    .describe('Flows shared with other balancers, counted since the start.'),
});

const explanation = z.strictObject({
  verdict: z.enum(['aborted', 'drop', 'pass', 'tx', 'redirect']),
  reason: z.string(),
  service: z
    .strictObject({ address: z.string(), port: z.int(), protocol: z.enum(['tcp', 'udp']) })
    .exactOptional()
    .describe('The VIP to which the packet belongs.'),
  real: z.string().exactOptional().describe("The address of the packet's real."),
  realPort: z.int().exactOptional(),
  vip: z.string().exactOptional().describe('The name of the VIP.'),
  realName: z.string().exactOptional().describe('The name of the real.'),
});

export const lookupAnswer = explanation.extend({
  onSyn: explanation
    .exactOptional()
    .describe('Where a SYN goes, if only a SYN can begin the flow: to a translated VIP.'),
});

export const drainAnswer = z.strictObject({ vip: z.string(), real: z.string() });

export const appliedAnswer = z.strictObject({
  changes: z.array(z.string()).describe('One line for each change.'),
});
