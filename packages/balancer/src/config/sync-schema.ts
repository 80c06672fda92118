/** The part of the schema that is about flows that balancers share. */
import { isIPv4 } from 'node:net';
import { absolutePath, address, duration, listen } from '@weir/config';
import { z } from 'zod';

export const syncSchema = z
  .strictObject({
    listen: listen
      .refine(({ port }) => port !== 0, { error: 'expected a port from 1 to 65535' })
      .describe('Address and port for datagrams of other balancers.'),
    peers: z
      .array(listen.refine(({ port }) => port !== 0, { error: 'expected a port from 1 to 65535' }))
      .min(1)
      .max(32)
      .exactOptional()
      .describe('The other balancers: ADDRESS:PORT.'),
    multicast: z
      .strictObject({
        group: address.describe('A multicast address, such as 239.255.0.81.'),
        interface: z
          .string()
          .min(1)
          .describe("This host's address on the network of the group; for IPv6, the name of its device."),
      })
      .exactOptional()
      .describe('Instead of peers: a group with the port of listen.'),
    keyFile: absolutePath.describe(
      'A file of mode 0600 with a key of 32 bytes or more in hexadecimal digits.',
    ),
    flows: z
      .int()
      .min(1)
      .max(2 ** 24)
      .default(1_000_000)
      .describe('Flows of other balancers that are remembered. Default 1000000.'),
    refresh: duration
      .refine((ms) => ms >= 1000 && ms <= 3_600_000, { error: 'expected a time from 1s to 1h' })
      .default(60_000)
      .describe('Time from one sending of all flows in use to the next. Default 1m.'),
    rate: z
      .int()
      .min(100)
      .max(1_000_000)
      .default(50_000)
      .describe('Flows that are sent in a second. Default 50000.'),
    mtu: z
      .int()
      .min(576)
      .max(9000)
      .default(1500)
      .describe('Longest packet between balancers, bytes. Default 1500.'),
  })
  .refine(({ peers, multicast }) => (peers === undefined) !== (multicast === undefined), {
    error: 'expected either peers or multicast',
  })
  .refine(({ multicast }) => multicast === undefined || isMulticast(multicast.group), {
    error: 'expected a multicast address, such as 239.255.0.81 or ff02::81',
    path: ['multicast', 'group'],
  })
  .refine(({ multicast }) => multicast === undefined || reaches(multicast), {
    error:
      "expected this host's address such as 10.0.0.1 for a group of IPv4, a device such as eth0 for one of IPv6",
    path: ['multicast', 'interface'],
  })
  .refine(
    ({ listen: { host }, peers, multicast }) =>
      [
        ...(peers ?? []).map((peer) => peer.host),
        ...(multicast === undefined ? [] : [multicast.group]),
      ].every((other) => other.includes(':') === host.includes(':')),
    { error: 'listen and the others must be of one family, IPv4 or IPv6' },
  );

/** How a balancer shares flows. */
export type SyncConfig = z.output<typeof syncSchema>;

function isMulticast(text: string): boolean {
  return text.includes(':') ? /^ff/i.test(text) : /^2(2[4-9]|3\d)\./.test(text);
}

/** Whether a network is given in the way of the group's family. */
function reaches({
  group,
  interface: place,
}: {
  readonly group: string;
  readonly interface: string;
}): boolean {
  if (!group.includes(':')) return isIPv4(place);
  return /^(::%)?[^\s/:%]{1,15}$/.test(place) && !isIPv4(place);
}
