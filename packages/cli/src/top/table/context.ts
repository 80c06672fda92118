/** What the columns of a view are made of besides their rows. */
import type { ConnectionProcess } from '@weir/tracer';
import { escapeText } from '../../text/escape.js';
import type { Facts } from '../model/enrichment.js';

export interface Context {
  readonly facts: Facts;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly nowNs: number;
}

/** What a process is called: as the kernel does; of one found through /proc whose name is not known, by its program. */
export function processName(process: ConnectionProcess | undefined, { facts }: Context): string {
  if (process === undefined) return '-';
  if (process.comm !== undefined) return escapeText(process.comm);
  const executable = facts.process(process.pid, undefined)?.executable;
  return executable === undefined ? '?' : escapeText(executable.slice(executable.lastIndexOf('/') + 1));
}

/** Container ids are told apart by their first twelve digits, as by `docker ps`; else the systemd unit. */
export function containerName(process: ConnectionProcess | undefined, { facts }: Context): string {
  if (process === undefined) return '';
  const details = facts.process(process.pid, process.comm);
  const { container_id, unit } = details ?? {};
  if (container_id !== undefined) return escapeText(container_id.slice(0, 12));
  return unit === undefined ? '' : escapeText(unit);
}

/** `192.0.2.1`, or the name that was found for it. Names of hosts hold nothing to escape. */
export function hostName(address: string, { facts }: Context): string {
  return facts.peerName(address) ?? address;
}
