/** A connection as it is shown: live, or of the past, of which not everything may be known. */
import type { Connection } from '@weir/tracer';

/** What a history may not know of a connection. */
type Unsure =
  | 'netns'
  | 'active_ns'
  | 'bytes_sent'
  | 'bytes_received'
  | 'packets_sent'
  | 'packets_received'
  | 'send_rate'
  | 'receive_rate'
  | 'retransmits';

export type ShownConnection = Omit<Connection, Unsure> & {
  readonly [Name in Unsure]: Connection[Name] | undefined;
};

/** A sum of which a part may not be known; then it is not known either. */
export function sumOf(...parts: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const part of parts) {
    if (part === undefined) return undefined;
    sum += part;
  }
  return sum;
}
