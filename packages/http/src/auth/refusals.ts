/** What was refused, in the audit log: no client can fill that with what it sends. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import type { AuditEntry, AuditSink } from './audit-log.js';

/** A request that was refused. */
export type Refusal = Omit<AuditEntry, 'event' | 'count'> & {
  readonly kind: string;
  /** Default: refused. */
  readonly event?: 'refused' | 'blocked';
};

const MAX_CLIENTS = 1_000;
const AGAIN_MS = 60_000;
const MAX_DETAIL = 300;

/** Writes one entry a minute for each kind and address; the next one counts those between. */
export class Refusals {
  readonly #audit: AuditSink;
  readonly #nowMs: () => number;
  readonly #written = new BoundedMap<string, { readonly atMs: number; readonly more: number }>(MAX_CLIENTS);

  constructor(audit: AuditSink, nowMs: () => number = () => performance.now()) {
    this.#audit = audit;
    this.#nowMs = nowMs;
  }

  /** A request was refused. */
  add({ event = 'refused', kind, detail, ...rest }: Refusal): void {
    const key = `${event} ${kind} ${rest.address ?? ''}`;
    const atMs = this.#nowMs();
    const last = this.#written.get(key);
    if (last !== undefined && atMs - last.atMs < AGAIN_MS) {
      this.#written.set(key, { atMs: last.atMs, more: last.more + 1 });
      return;
    }
    this.#written.set(key, { atMs, more: 0 });
    this.#audit.add({
      event,
      ...rest,
      kind,
      ...(detail !== undefined && { detail: detail.slice(0, MAX_DETAIL) }),
      ...(last !== undefined && last.more > 0 && { count: last.more + 1 }),
    });
  }
}
