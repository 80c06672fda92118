/** States and changes of balancers in words. Pure. */
import type { BalancerChange, BalancerReal, BalancerState, BalancerVip } from '../../api/balancer-types.js';

/** A word, and how it is shown. */
export interface Judged {
  readonly text: string;
  readonly mark: 'good' | 'warn' | 'bad' | 'none';
}

/** Whether a VIP can be served. */
export function vipState({ state, reals }: Pick<BalancerVip, 'state' | 'reals'>): Judged {
  switch (state) {
    case 'up': {
      const isWhole = reals.every(({ condition, ring_weight, weight }) => {
        return weight === 0 || (ring_weight > 0 && condition !== 'down');
      });
      return isWhole ? { text: 'up', mark: 'good' } : { text: 'up, in part', mark: 'warn' };
    }
    case 'down':
      return { text: 'down', mark: 'bad' };
    case 'unknown':
      return { text: 'not checked yet', mark: 'none' };
    default:
      return { text: 'not checked', mark: 'none' };
  }
}

/** Whether a real gets flows. */
export function realState({ condition, drained, weight }: BalancerReal): Judged {
  const drain = drained ? 'drained' : weight === 0 ? 'weight 0' : undefined;
  const more = drain === undefined ? '' : `, ${drain}`;
  switch (condition) {
    case 'up':
      return { text: `up${more}`, mark: drain === undefined ? 'good' : 'warn' };
    case 'down':
      return { text: `down${more}`, mark: 'bad' };
    case 'held':
      return { text: `held down, it changed too often${more}`, mark: 'bad' };
    case 'unknown':
      return { text: `not checked yet${more}`, mark: drain === undefined ? 'none' : 'warn' };
    default:
      return drain === undefined ? { text: 'not checked', mark: 'none' } : { text: drain, mark: 'warn' };
  }
}

/** `1`, or the weight in the ring with that of the configuration behind it where they differ: `0 (2)`. */
export function weightText({ weight, ring_weight: ring }: BalancerReal): string {
  return ring === weight ? String(weight) : `${ring} (${weight})`;
}

/** `198.51.100.1:443`, `[2001:db8::1]:443`; `*` for all ports. */
export function endText(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  const host = address.includes(':') ? `[${address}]` : address;
  return `${host}:${port === 0 ? '*' : port}`;
}

/** The devices of a balancer: `eth0 (native)`. */
export function deviceText({ interfaces }: BalancerState): string {
  return interfaces.map(({ name, mode }) => `${name} (${mode ?? 'not attached'})`).join(', ');
}

/** What changed, without the names of balancer, VIP and real. */
export function changeText({ kind, before, after, detail }: BalancerChange): Judged {
  const reason = detail === undefined ? '' : `: ${detail}`;
  switch (kind) {
    case 'started':
      return { text: 'balances', mark: 'good' };
    case 'restarted':
      return { text: 'another process goes on with it', mark: 'none' };
    case 'silent':
      return { text: before === undefined ? 'does not answer any more' : 'does not answer', mark: 'bad' };
    case 'answers':
      return { text: 'answers again', mark: 'good' };
    case 'removed':
      return { text: 'is gone: it does not forward any more', mark: 'bad' };
    case 'vip_added':
      return { text: 'is new', mark: 'none' };
    case 'vip_removed':
      return { text: 'was removed', mark: 'none' };
    case 'vip_state':
      return { text: `is ${after}, was ${before}`, mark: markOf(after) };
    case 'real_added':
      return { text: `is new, with weight ${after}`, mark: 'none' };
    case 'real_removed':
      return { text: 'was removed', mark: 'none' };
    case 'weight':
      return { text: `has weight ${after}, had ${before}`, mark: 'none' };
    case 'health':
      return { text: `is ${after}, was ${before}${reason}`, mark: markOf(after) };
    case 'drained':
      return { text: 'is drained', mark: 'warn' };
    case 'undrained':
      return { text: 'is no longer drained', mark: 'none' };
  }
}

function markOf(state: string | number | undefined): Judged['mark'] {
  if (state === 'up') return 'good';
  return state === 'down' || state === 'held' ? 'bad' : 'none';
}
