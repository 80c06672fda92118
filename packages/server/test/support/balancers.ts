/** Balancers as collectors see them. */
import type { SeenBalancer, SeenReal } from '../../src/wire/balancer-messages.js';

/** A real. */
export function seenReal(name: string, more: Partial<SeenReal> = {}): SeenReal {
  return {
    ...{ name, address: `10.0.0.${name.charCodeAt(0)}`, weight: 1, ringWeight: 1, share: 0.5 },
    ...{ drained: false, condition: 'up', packets: 0, bytes: 0 },
    ...more,
  };
}

/** A balancer with one VIP, `web`. */
export function seenBalancer(
  packets: number,
  reals: readonly SeenReal[] = [seenReal('a'), seenReal('b')],
  more: Partial<SeenBalancer> = {},
): SeenBalancer {
  const vip = { name: 'web', address: '198.51.100.1', port: 443, protocol: 'tcp' } as const;
  return {
    ...{ name: 'edge', running: true, version: '1', pid: 7, started: '2026-01-01T00:00:00Z' },
    ...{ interfaces: [{ name: 'eth0', mode: 'native' }], packets: { tx: packets, pass: 1, drop: 2 } },
    vips: [{ ...vip, forwarding: 'tunnel', state: 'up', packets, bytes: 100 * packets, reals }],
    omitted: 0,
    ...more,
  };
}
