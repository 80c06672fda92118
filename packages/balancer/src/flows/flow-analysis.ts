/** Counts known flows by age, by service and by real. Pure. */
import type { Service } from '../service.js';
import type { FlowProgress, FlowState } from './known-flow.js';

/** Upper ends of the ages that are counted, seconds; the last count has all that are older. */
export const ageBounds = [1, 10, 30, 60, 300, 900, 3600, 86_400] as const;

/** Flows by what they have in common. */
export interface FlowCount {
  readonly flows: number;
  /** Flows by the time since their last use: one number for each of {@link ageBounds}, and one for all that are older. */
  readonly ages: readonly number[];
}

/** The flows of a service. */
export interface ServiceFlows extends FlowCount {
  readonly service: Service;
  readonly reals: readonly RealFlows[];
}

/** The flows of a real. */
export interface RealFlows {
  readonly address: string;
  /** The real's port, where it is not the service's. */
  readonly port?: number;
  readonly flows: number;
}

/** The result of `FlowCounter`. */
export interface FlowAnalysis extends FlowCount {
  readonly states: Readonly<Record<FlowState, number>>;
  /** Flows whose service is not known: IPv6 flows without addresses, or of a service that was removed. */
  readonly withoutService: number;
  readonly services: readonly ServiceFlows[];
  readonly reals: readonly RealFlows[];
  /** Flows in each CPU's table. */
  readonly cpus: readonly { readonly cpu: number; readonly flows: number }[];
  readonly fallback: number;
  readonly translated: number;
}

/** An analysis, or how far it is. */
export interface AnalysisStep extends FlowProgress {
  /** There at the end. */
  readonly analysis?: FlowAnalysis;
}

/** What counts of a flow. `service` and `real` are compared as objects: each has one. */
export interface CountedFlow {
  readonly service: Service | undefined;
  readonly real: { readonly address: string; readonly port: number } | undefined;
  readonly state: FlowState;
  readonly idleMs: number;
  readonly cpu: number | undefined;
  readonly translated: boolean;
}

type Real = NonNullable<CountedFlow['real']>;

interface Counts {
  flows: number;
  readonly ages: number[];
}

export class FlowCounter {
  readonly #all = emptyCounts();
  readonly #states: Record<FlowState, number> = { known: 0, idle: 0, stale: 0 };
  readonly #services = new Map<Service, Counts & { readonly reals: Map<Real, number> }>();
  readonly #reals = new Map<Real, number>();
  readonly #cpus = new Map<number, number>();
  #withoutService = 0;
  #fallback = 0;
  #translated = 0;

  add({ service, real, state, idleMs, cpu, translated }: CountedFlow): void {
    const age = ageBounds.findIndex((bound) => idleMs < bound * 1000);
    const at = age < 0 ? ageBounds.length : age;
    addTo(this.#all, at);
    this.#states[state]++;
    if (translated) this.#translated++;
    else if (cpu === undefined) this.#fallback++;
    else increase(this.#cpus, cpu);
    if (real !== undefined) increase(this.#reals, real);
    if (service === undefined) {
      this.#withoutService++;
      return;
    }
    let counts = this.#services.get(service);
    if (counts === undefined) {
      counts = { ...emptyCounts(), reals: new Map() };
      this.#services.set(service, counts);
    }
    addTo(counts, at);
    if (real !== undefined) increase(counts.reals, real);
  }

  /** The counts so far; the largest first. */
  analysis(): FlowAnalysis {
    return {
      ...this.#all,
      states: this.#states,
      withoutService: this.#withoutService,
      services: [...this.#services]
        .map(([service, { flows, ages, reals }]) => ({ service, flows, ages, reals: realFlows(reals) }))
        .sort((a, b) => b.flows - a.flows),
      reals: realFlows(this.#reals),
      cpus: [...this.#cpus].map(([cpu, flows]) => ({ cpu, flows })).sort((a, b) => a.cpu - b.cpu),
      fallback: this.#fallback,
      translated: this.#translated,
    };
  }
}

function emptyCounts(): Counts {
  return { flows: 0, ages: [...ageBounds.map(() => 0), 0] };
}

function addTo(counts: Counts, age: number): void {
  counts.flows++;
  counts.ages[age]!++;
}

function increase<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function realFlows(counts: ReadonlyMap<Real, number>): RealFlows[] {
  return [...counts]
    .map(([{ address, port }, flows]) => ({ address, ...(port !== 0 && { port }), flows }))
    .sort((a, b) => b.flows - a.flows);
}
