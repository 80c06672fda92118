/** Balancers as answers show them. Pure. */
import { timeText } from '@weir/history/rows';
import type { z } from 'zod';
import type { TimedChange } from '../balancer/balancer-history.js';
import type { BalancerSeries } from '../balancer/balancer-series.js';
import type { Moved } from '../balancer/traffic-sums.js';
import type { SeenBalancer, SeenReal } from '../wire/balancer-messages.js';
import type {
  balancerChangeJson,
  balancerJson,
  balancerRealJson,
  balancerSeriesJson,
} from './schemas/balancer-values.js';

/** A time in milliseconds as text. */
export function msText(ms: number): string {
  return timeText(BigInt(Math.round(ms)) * 1_000_000n);
}

/** A time as a balancer writes it; absent where it is none. */
function timeField<Name extends string>(name: Name, text: string | undefined) {
  const ms = Date.parse(text ?? '');
  return (Number.isNaN(ms) ? {} : { [name]: msText(ms) }) as { readonly [N in Name]?: string };
}

/** The figures of now; absent for a state of the past. */
export interface NowFigures {
  readonly vipRates: readonly (Moved | undefined)[];
  readonly realRates: readonly (Moved | undefined)[];
}

/** A balancer. @param now With the figures of now */
export function balancerOf(state: SeenBalancer, now: NowFigures | undefined): z.input<typeof balancerJson> {
  const { name, running, version, pid, started, interfaces, packets, vips, omitted } = state;
  let index = 0;
  return {
    ...{ name, running, omitted },
    ...(version !== undefined && { version }),
    ...(pid !== undefined && { pid }),
    ...timeField('started', started),
    interfaces: interfaces.map((each) => ({ ...each })),
    ...(now !== undefined && packets !== undefined && { packets: { ...packets } }),
    vips: vips.map(({ reals, packets, bytes, ...vip }, place) => ({
      ...vip,
      ...(now && figures({ packets, bytes }, now.vipRates[place])),
      reals: reals.map((real) => {
        const rate = now?.realRates[index++];
        return realOf(real, now && figures(real, rate));
      }),
    })),
  };
}

function figures({ packets, bytes }: Moved, rate: Moved | undefined) {
  return {
    packets,
    bytes,
    ...(rate !== undefined && { packets_per_second: rate.packets, bytes_per_second: rate.bytes }),
  };
}

function realOf(real: SeenReal, traffic: object | undefined): z.input<typeof balancerRealJson> {
  const { name, address, port, weight, ringWeight, share, drained, condition, reason, since } = real;
  return {
    ...{ name, address, weight, ring_weight: ringWeight, share, drained },
    ...(port !== undefined && { port }),
    ...(condition !== undefined && { condition }),
    ...(reason !== undefined && { reason }),
    ...timeField('since', since),
    ...traffic,
  };
}

/** A change. */
export function changeOf({ at, ...change }: TimedChange): z.input<typeof balancerChangeJson> {
  return { time: msText(at), ...change };
}

/** A series. */
export function seriesOf({ points, ...key }: BalancerSeries): z.input<typeof balancerSeriesJson> {
  return {
    ...key,
    points: points.map(({ at, ms, packets, bytes }) => ({
      time: msText(at),
      seconds: ms / 1000,
      packets: Math.round(packets),
      bytes: Math.round(bytes),
    })),
  };
}
