/**
 * Reasons of packets in words. It loads nothing else: help and pages need it, too.
 *
 * @module @weir/balancer/reasons
 */
import type { ReasonName } from './outcome.js';

const texts = {
  'not-ip': 'not IP',
  'other-protocol': 'another protocol than TCP, UDP and ICMP',
  'not-a-vip': 'not for a VIP',
  malformed: 'malformed',
  'too-big': 'too big',
  echo: 'echo request, answered',
  'quic-id': 'by its QUIC connection id',
  'stable-udp': 'by its stable UDP header',
  'server-id': 'by its TCP server id',
  'flow-table': 'known flow',
  'global-flow': 'by the global flow table',
  'source-route': 'by a source route',
  ring: 'by the ring',
  'ring-flood': 'by the ring; not remembered, as there are too many new flows',
  'empty-slot': 'no real',
  encapsulation: 'no room for the outer header',
  'nat-flow': 'known translated flow',
  'nat-reply': 'reply of a translated flow',
  'nat-unknown': 'of no translated flow that is known',
  'nat-exhausted': 'no free port to translate to',
  'nat-last-hop': 'its last hop',
  'last-hop': 'its last hop, out of a tunnel',
  'no-neighbour': "the real's MAC address is not known",
  'peer-flow': 'known flow of another balancer',
} satisfies Readonly<Record<ReasonName, string>>;

/** The reasons, as `weir balance capture --reason` and the API have them. */
export const reasonNames = Object.keys(texts) as readonly ReasonName[];

/** A reason in words; one that a later version has stays as it is. */
export function reasonText(reason: ReasonName | (string & {})): string {
  return (texts as Readonly<Record<string, string>>)[reason] ?? reason;
}
