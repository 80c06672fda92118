/** VIPs, reals and reasons in words. */
import type { Explanation, Service } from '@weir/balancer';
import { type Config, realAt, sameService, vipName } from '@weir/balancer/config';
import { escapeText } from '../text/escape.js';
import { reasonText } from './reasons.js';

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
  { reason, service, real, realPort }: Pick<Explanation, 'reason' | 'service' | 'real' | 'realPort'>,
): string {
  if (service === undefined) return reasonText(reason);
  const vip = vipLabel(config, service);
  if (real === undefined) return `${reasonText(reason)}: ${vip}`;
  const vipConfig = config.vips.find((candidate) => sameService(candidate, service));
  const name = vipConfig && realAt(vipConfig, real, realPort)?.name;
  return `${reasonText(reason)}: ${vip}, real ${realLabel(name, real)}`;
}
