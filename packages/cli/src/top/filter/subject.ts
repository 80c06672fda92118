/** What a filter looks at: a live connection, a socket that waits for peers, or a sum of connections that have ended. */
import type { Connection, Endpoint, OpenSocket } from '@weir/tracer';
import type { Facts } from '../model/enrichment.js';

export type Subject = Pick<
  Connection,
  | 'transport'
  | 'type'
  | 'netns'
  | 'local'
  | 'direction'
  | 'process'
  | 'bytes_sent'
  | 'bytes_received'
  | 'send_rate'
  | 'receive_rate'
  | 'retransmits'
> & {
  /** undefined: a socket that has none. */
  readonly peer: Endpoint | undefined;
  /** Of a socket that waits for peers: `listen`, or of UDP `open`. */
  readonly state: string | undefined;
};

/** Whether a filter's term holds for a subject. */
export type Test = (subject: Subject, facts: Facts) => boolean;

/** A socket that waits for peers, as a filter sees it. */
export function socketSubject(socket: OpenSocket): Subject {
  const { transport, type, netns, local, peer, process } = socket;
  return {
    transport,
    type,
    netns,
    local,
    peer,
    process,
    direction: undefined,
    state: transport === 'tcp' ? 'listen' : 'open',
    bytes_sent: 0,
    bytes_received: 0,
    send_rate: 0,
    receive_rate: 0,
    retransmits: 0,
  };
}
