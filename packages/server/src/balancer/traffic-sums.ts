/** What VIPs and reals moved between looks. Pure. */
import type { SeenBalancer, SeenReal } from '../wire/balancer-messages.js';

/** Packets and bytes. */
export interface Moved {
  readonly packets: number;
  readonly bytes: number;
}

/** What a balancer moved, in the order of its VIPs, and of the reals of each. Undefined: there is no look before. */
export interface Growth {
  readonly vips: readonly (Moved | undefined)[];
  readonly reals: readonly (Moved | undefined)[];
}

/** A text that names a real within its VIP. */
export function realKey({ name, address, port = 0 }: SeenReal): string {
  return JSON.stringify([name, address, port]);
}

/** How much the counters of each VIP and real have grown from one look to the next. */
export function growthOf(before: SeenBalancer, after: SeenBalancer): Growth {
  const vips = new Map(before.vips.map((vip) => [vip.name, vip]));
  return {
    vips: after.vips.map((vip) => growth(vips.get(vip.name), vip)),
    reals: after.vips.flatMap(({ name, reals }) => {
      const earlier = new Map(vips.get(name)?.reals.map((real) => [realKey(real), real]));
      return reals.map((real) => growth(earlier.get(realKey(real)), real));
    }),
  };
}

function growth(before: Moved | undefined, after: Moved): Moved | undefined {
  if (before === undefined) return undefined;
  const { packets, bytes } = after;
  // Counters that are smaller began anew.
  if (packets < before.packets || bytes < before.bytes) return { packets, bytes };
  return { packets: packets - before.packets, bytes: bytes - before.bytes };
}

/** Adds to sums, which have packets and bytes in turn. */
export function addTo(sums: number[], more: readonly (Moved | undefined)[]): void {
  for (const [index, { packets, bytes } = { packets: 0, bytes: 0 }] of more.entries()) {
    sums[2 * index] = (sums[2 * index] ?? 0) + packets;
    sums[2 * index + 1] = (sums[2 * index + 1] ?? 0) + bytes;
  }
}
