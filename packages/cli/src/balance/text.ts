/** VIPs, reals and reasons in words. */
import type { Explanation, ReasonName, Service } from '@weir/balancer';
import { type Config, sameService, vipName } from '@weir/balancer/config';
import { escapeText } from '../text/escape.js';

const reasonTexts: Readonly<Record<ReasonName, string>> = {
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
};

/** `web (198.51.100.1:443/tcp)`, or that alone where the VIP has no other name. */
export function vipLabel({ vips }: Pick<Config, 'vips'>, service: Service): string {
  const plain = vipName(service);
  const name = vips.find((vip) => sameService(vip, service))?.name ?? plain;
  return name === plain ? plain : `${escapeText(name)} (${plain})`;
}

/** `a (10.0.0.1)`, or the address alone. */
export function realLabel(name: string | undefined, address: string): string {
  return name === undefined || name === address ? address : `${escapeText(name)} (${address})`;
}

/** `by the ring: web (198.51.100.1:443/tcp), real a (10.0.0.1)`. */
export function choiceText(
  config: Pick<Config, 'vips'>,
  { reason, service, real }: Pick<Explanation, 'reason' | 'service' | 'real'>,
): string {
  if (service === undefined) return reasonTexts[reason];
  const vip = vipLabel(config, service);
  if (real === undefined) return `${reasonTexts[reason]}: ${vip}`;
  const { name } =
    config.vips
      .find((candidate) => sameService(candidate, service))
      ?.reals.find(({ address }) => address === real) ?? {};
  return `${reasonTexts[reason]}: ${vip}, real ${realLabel(name, real)}`;
}
