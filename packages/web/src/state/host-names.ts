/** Names of the hosts that answers have, by their ids. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Host } from '../api/api-types.js';

const known = signal<ReadonlyMap<string, string>>(new Map());

/** Names by ids. */
export const hostNames: ReadonlySignal<ReadonlyMap<string, string>> = known;

/** Keeps what an answer says. */
export function knowHosts(hosts: readonly Host[]): void {
  known.value = new Map(hosts.map(({ id, label }) => [id, label]));
}

/** What a host is called; its id where that is not known. */
export function hostName(id: string): string {
  return known.value.get(id) ?? id;
}

/** A value of a field of groups as it is shown: hosts by their names. */
export function shownValue(field: string, value: string | number | null | undefined) {
  return field === 'host' && typeof value === 'string' ? hostName(value) : value;
}
