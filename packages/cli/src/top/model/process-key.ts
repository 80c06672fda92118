/** A pid alone names no process for good: another one may have it later. */
import type { ConnectionProcess } from '@weir/tracer';

/** Distinguishes a process from others that had its pid. One that had ended before it was looked at has only its name besides. */
export function processKey(process: ConnectionProcess | undefined): string {
  if (process === undefined) return '';
  return `${process.pid} ${process.start_ticks ?? process.comm}`;
}
