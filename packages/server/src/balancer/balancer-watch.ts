/** Looks at the balancers of this host every few seconds, and asks them about flows. It only reads. */
import { accessSync, constants } from 'node:fs';
import {
  balancerNames,
  ControlClient,
  defaultSocket,
  NotRunningError,
  RequestError,
} from '@weir/balancer/running';
import {
  type FoundFlow,
  type LookupAnswer,
  type LookupRequest,
  MOST_BALANCERS,
  MOST_REALS,
  type SeenBalancer,
  type SeenBalancers,
} from '../wire/balancer-messages.js';
import { cut, realsOf, seenOf, silentBalancer } from './seen-balancer.js';

/** Milliseconds from one look to the next. */
export const LOOK_MS = 5_000;
/** A balancer may take this part of the time to answer; one with many VIPs is looked at less often. */
const MOST_BUSY = 0.02;
const MOST_LOOK_MS = 60_000;
/** So many looks say what one costs: the quickest of them, as a busy host, or a balancer that hangs, makes some take long. */
const LOOKS = 3;
/** A balancer that does not answer for so long is shown as one that does not. */
const ANSWER_MS = 3_000;
/** The server may ask about so many flows at a time. */
const MOST_LOOKUPS = 8;
const MOST_MESSAGE = 2_000;

/** What a watch needs. */
export interface BalancerWatchOptions {
  /** Given what was seen; returns whether it was sent. */
  readonly send: (seen: SeenBalancers) => boolean;
  /** Milliseconds from one look to the next. Default 5 seconds. */
  readonly lookMs?: number;
}

/** Milliseconds until the next look. @param took What the last looks took. */
export function nextLookMs(took: readonly number[], lookMs: number): number {
  const costMs = took.length < LOOKS ? 0 : Math.min(...took.slice(-LOOKS));
  return Math.max(lookMs, Math.min(MOST_LOOK_MS, costMs / MOST_BUSY));
}

/** Looks until it is disposed of. */
export class BalancerWatch implements Disposable {
  readonly #options: BalancerWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #took: readonly number[] = [];
  /** The server knows that there is none. */
  #saidNone = false;
  #lookups = 0;

  /** Begins to look. */
  constructor(options: BalancerWatchOptions) {
    this.#options = options;
    this.#wait(0);
  }

  /** Another server is there, which knows nothing. */
  restart(): void {
    this.#saidNone = false;
    if (!this.#isEnded) this.#wait(0);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const names = balancerNames().filter(mayAsk).slice(0, MOST_BALANCERS);
    const began = performance.now();
    if (names.length > 0 || !this.#saidNone) {
      const balancers = await seeAll(names);
      if (this.#isEnded) return;
      const isSent = this.#options.send({ at: Date.now(), balancers });
      this.#saidNone = isSent && names.length === 0;
    }
    this.#took = [...this.#took, performance.now() - began].slice(-LOOKS);
    this.#wait(nextLookMs(this.#took, this.#options.lookMs ?? LOOK_MS));
  }

  /** Asks a balancer where a flow's next packet goes. It never throws. */
  async lookUp({ id, balancer, flow }: LookupRequest): Promise<LookupAnswer> {
    const none = (kind: 'request' | 'missing' | 'failed', message: string): LookupAnswer => ({
      id,
      problem: { kind, message: message.slice(0, MOST_MESSAGE) },
    });
    if (this.#lookups >= MOST_LOOKUPS) return none('failed', 'too many questions about flows at a time');
    // A name becomes a path only where there is such a balancer.
    if (!balancerNames().includes(balancer)) return none('missing', `no balancer ${balancer} runs here`);
    this.#lookups++;
    try {
      const answer = await inTime(new ControlClient(defaultSocket(balancer)).call('lookup', flow));
      return { id, found: foundOf(answer) };
    } catch (error) {
      const kind =
        error instanceof RequestError ? 'request' : error instanceof NotRunningError ? 'missing' : 'failed';
      return none(kind, (error as Error).message);
    } finally {
      this.#lookups--;
    }
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
  }
}

/** A balancer that this user may not ask is left out: it is not known whether it runs. */
function mayAsk(name: string): boolean {
  try {
    accessSync(defaultSocket(name), constants.W_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES';
  }
}

/** One after the other, so that many reals are not in memory twice. */
async function seeAll(names: readonly string[]): Promise<SeenBalancer[]> {
  const seen: SeenBalancer[] = [];
  let room = MOST_REALS;
  for (const name of names) {
    const balancer = await see(name, room);
    room -= realsOf(balancer);
    seen.push(balancer);
  }
  return seen;
}

async function see(name: string, room: number): Promise<SeenBalancer> {
  try {
    const status = await inTime(new ControlClient(defaultSocket(name)).call('status', { overMs: 0 }));
    return seenOf({ ...status, name }, room);
  } catch {
    // It has ended, or is of a version that answers otherwise.
    return silentBalancer(name);
  }
}

/** What a balancer answers, unless that takes too long. */
function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the balancer does not answer')), ANSWER_MS);
    answer.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

interface Lookup {
  readonly verdict: string;
  readonly reason: string;
  readonly vip?: string;
  readonly real: string | undefined;
  readonly realName?: string;
  readonly realPort?: number;
}

function foundOf({ verdict, reason, vip, real, realName, realPort }: Lookup): FoundFlow {
  return {
    ...{ verdict, reason },
    ...(vip !== undefined && { vip: cut(vip) }),
    ...(real !== undefined && {
      real: {
        address: real,
        ...(realName !== undefined && { name: cut(realName) }),
        ...(realPort !== undefined && { port: realPort }),
      },
    }),
  };
}
