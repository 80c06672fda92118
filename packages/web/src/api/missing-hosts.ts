/** Hosts that are lacking in answers: each answer says which, and what is shown comes from many. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Incomplete } from './api-types.js';

/** A host that is lacking, and when an answer last said so. */
export interface MissingHost extends Incomplete {
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Answers of one look at the server come within this time. */
const TOGETHER_MS = 5_000;

const known = signal<readonly MissingHost[]>([]);

/** Hosts that are lacking in what is shown. */
export const missingHosts: ReadonlySignal<readonly MissingHost[]> = known;

/** With what one more answer lacks; without what only earlier ones did. @param now Milliseconds since 1970 */
export function withAnswer(
  hosts: readonly MissingHost[],
  incomplete: readonly Incomplete[],
  now: number,
): readonly MissingHost[] {
  const isSame = (a: Incomplete) => (b: Incomplete) => a.host === b.host && a.answered === b.answered;
  const kept = hosts.filter((host) => now - host.at < TOGETHER_MS && !incomplete.some(isSame(host)));
  return [...kept, ...incomplete.map((each) => ({ ...each, at: now }))];
}

/** Takes in an answer. */
export function noteAnswer(answer: unknown): void {
  const { incomplete } = (answer ?? {}) as { readonly incomplete?: readonly Incomplete[] };
  if (incomplete === undefined || (incomplete.length === 0 && known.peek().length === 0)) return;
  known.value = withAnswer(known.peek(), incomplete, Date.now());
}
