/** Everything that the columns of a view use besides their rows. */
import type { ConnectionProcess } from '@weir/tracer';
import { escapeText } from '../../text/escape.js';
import type { Enrichment } from '../model/enrichment.js';

export interface Context {
  readonly enrichment: Enrichment;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly nowNs: number;
}

/** The kernel's name of a process, or its program's if it was found through /proc without a name. */
export function processName(process: ConnectionProcess | undefined, { enrichment }: Context): string {
  if (process === undefined) return '-';
  if (process.comm !== undefined) return escapeText(process.comm);
  const executable = enrichment.process(process)?.executable;
  return executable === undefined ? '?' : escapeText(executable.slice(executable.lastIndexOf('/') + 1));
}

/** A container's name, else the first twelve digits of its id, as `docker ps` shows them; else the systemd unit. */
export function containerName(process: ConnectionProcess | undefined, { enrichment }: Context): string {
  if (process === undefined) return '';
  const details = enrichment.process(process);
  const { container_id, container_name, unit } = details ?? {};
  if (container_name !== undefined) return escapeText(container_name);
  if (container_id !== undefined) return escapeText(container_id.slice(0, 12));
  return unit === undefined ? '' : escapeText(unit);
}
