/** Items that a filter tests: live connections, sockets that wait for peers, and sums of ended connections. */
import type { Connection, Endpoint, OpenSocket } from '@weir/tracer';
import type { Enrichment } from '../model/enrichment.js';

export type Subject = Pick<
  Connection,
  | 'transport'
  | 'type'
  | 'netns'
  | 'local'
  | 'direction'
  | 'interface'
  | 'process'
  | 'bytes_sent'
  | 'bytes_received'
  | 'send_rate'
  | 'receive_rate'
  | 'retransmits'
> & {
  /** undefined for a socket without a peer. */
  readonly peer: Endpoint | undefined;
  /** The TCP state; `listen` or, for UDP, `open` for a socket that waits for peers. */
  readonly state: string | undefined;
};

/** Whether a filter's term holds for a subject. */
export type Test = (subject: Subject, enrichment: Enrichment) => boolean;

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
    interface: socket.interface,
    state: transport === 'tcp' ? 'listen' : 'open',
    bytes_sent: 0,
    bytes_received: 0,
    send_rate: 0,
    receive_rate: 0,
    retransmits: 0,
  };
}
