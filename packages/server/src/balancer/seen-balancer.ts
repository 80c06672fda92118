/** A balancer's status as the collector sends it: without what nobody shows, and bounded. Pure. */
import type { Status, VipRealStatus, VipStatus } from '@weir/balancer/running';
import {
  MOST_CHARACTERS,
  MOST_REALS,
  MOST_VIPS,
  type SeenBalancer,
  type SeenReal,
  type SeenVip,
} from '../wire/balancer-messages.js';

/** A text of a length that a message may have. */
export function cut(text: string): string {
  return text.slice(0, MOST_CHARACTERS);
}

const MOST_INTERFACES = 256;

/** A balancer whose process does not answer. */
export function silentBalancer(name: string): SeenBalancer {
  return { name: cut(name), running: false, interfaces: [], vips: [], omitted: 0 };
}

/** A balancer that answers. @param room Reals that may still be sent */
export function seenOf(status: Status, room = MOST_REALS): SeenBalancer {
  const { name, version, pid, started, interfaces, counters } = status;
  const vips: SeenVip[] = [];
  let left = room;
  let omitted = 0;
  for (const vip of status.vips) {
    if (vips.length === MOST_VIPS) {
      omitted += 1 + vip.reals.length;
      continue;
    }
    const reals = vip.reals.slice(0, left);
    left -= reals.length;
    omitted += vip.reals.length - reals.length;
    vips.push(vipOf(vip, reals));
  }
  return {
    name: cut(name),
    running: true,
    version: cut(version),
    pid,
    started: cut(started),
    interfaces: interfaces.slice(0, MOST_INTERFACES).map(({ interface: device, mode }) => ({
      name: cut(device),
      ...(mode !== undefined && { mode }),
    })),
    packets: { tx: counters.transmitted, pass: counters.passed, drop: counters.dropped },
    vips,
    omitted,
  };
}

/** Reals of a balancer. */
export function realsOf({ vips }: SeenBalancer): number {
  return vips.reduce((sum, { reals }) => sum + reals.length, 0);
}

function vipOf(vip: VipStatus, reals: readonly VipRealStatus[]): SeenVip {
  const { name, address, port, protocol, forwarding, state, packets, bytes } = vip;
  return {
    ...{ name: cut(name), address, port, protocol, forwarding, state, packets, bytes },
    reals: reals.map(realOf),
  };
}

function realOf(real: VipRealStatus): SeenReal {
  const { name, address, port, weight, ringWeight, share, drained, condition, reason, since } = real;
  const { packets, bytes } = real.traffic;
  return {
    ...{ name: cut(name), address, weight, ringWeight, share, drained, packets, bytes },
    ...(port !== undefined && { port }),
    ...(condition !== undefined && { condition }),
    ...(reason !== undefined && { reason: cut(reason) }),
    ...(since !== undefined && { since }),
  };
}
