/** Reasons of packets, as `capture --reason` and scripts have them. They stand here so that help does not load the balancer. */
import type { ReasonName } from '@weir/balancer';

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
} satisfies Readonly<Record<ReasonName, string>>;

export type CapturedReason = keyof typeof texts;
export const reasons = Object.keys(texts) as readonly CapturedReason[];

/** A reason in words. */
export function reasonText(reason: ReasonName): string {
  return texts[reason];
}
