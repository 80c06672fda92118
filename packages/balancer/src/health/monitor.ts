/** The repeated check of one real, for all services that share it. */
import type { Clock } from './clock.js';
import { afterResult, type CheckState, type Condition, conditionOf, stateFrom } from './health-state.js';
import type { Probe, ProbeTarget } from './probe-target.js';
import type { Schedule } from './schedule.js';

/** A real's health, from its checks. */
export interface RealHealth {
  readonly address: string;
  readonly condition: Condition;
  /** The last check's finding, in a few words of plain ASCII; undefined before the first. */
  readonly reason: string | undefined;
  /** When the condition last changed; undefined without a result. */
  readonly since: Date | undefined;
  /** When the last check ended; undefined before the first. */
  readonly checked: Date | undefined;
  /** How long the last check took, milliseconds. */
  readonly tookMs: number | undefined;
  /** When the certificate expires that the real showed last; undefined without TLS. */
  readonly certificateExpires?: Date;
  /** Number of checks that succeeded. */
  readonly passed: number;
  /** Number of checks that failed. */
  readonly failed: number;
}

export interface MonitorOptions {
  readonly target: ProbeTarget;
  readonly probe: Probe;
  readonly schedule: Schedule;
  readonly clock: Clock;
  /** The condition that an earlier control plane knew. */
  readonly initial: Condition;
  /** Called when the condition has changed. */
  readonly onChange: (before: Condition) => void;
  /** Called once for each certificate that expires soon, or has expired. */
  readonly onExpiry?: (expires: Date) => void;
}

export class Monitor implements Disposable {
  readonly #options: MonitorOptions;
  readonly #stop: () => void;
  #state: CheckState;
  #health: RealHealth;
  #stopped = false;
  /** The certificate that was reported, by its end. */
  #warned: number | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#state = stateFrom(options.initial);
    this.#health = {
      address: options.target.address,
      condition: options.initial,
      reason: undefined,
      since: undefined,
      checked: undefined,
      tookMs: undefined,
      passed: 0,
      failed: 0,
    };
    this.#stop = options.schedule.add(options.target.check.interval, () => this.#check());
  }

  get health(): RealHealth {
    return this.#health;
  }

  /** Whether this real is checked with a socket mark. */
  isMarked(address: string, isDirect: boolean): boolean {
    const { target } = this.#options;
    return target.mark !== undefined && target.address === address && (target.isDirect ?? false) === isDirect;
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#stop();
  }

  async #check(): Promise<void> {
    const { target, probe, clock, onChange } = this.#options;
    const start = clock.now();
    const { ok, reason, certificateExpires } = await probe(target);
    if (this.#stopped) return;
    const time = clock.now();
    this.#state = afterResult(this.#state, ok, time, target.check);
    const before = this.#health;
    const condition = conditionOf(this.#state);
    const checked = new Date();
    const changed = condition !== before.condition;
    this.#health = {
      ...before,
      condition,
      reason,
      checked,
      since: changed ? checked : (before.since ?? checked),
      tookMs: time - start,
      ...(certificateExpires !== undefined && { certificateExpires }),
      passed: before.passed + Number(ok),
      failed: before.failed + Number(!ok),
    };
    if (certificateExpires !== undefined) this.#lookAtExpiry(certificateExpires, checked);
    if (changed) onChange(before.condition);
  }

  #lookAtExpiry(expires: Date, now: Date): void {
    const { target, onExpiry } = this.#options;
    if (expires.getTime() - now.getTime() > target.check.warnExpiry) return;
    if (this.#warned === expires.getTime()) return;
    this.#warned = expires.getTime();
    onExpiry?.(expires);
  }
}
