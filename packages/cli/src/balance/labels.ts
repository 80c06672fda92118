/** Labels of VIPs, reals and reasons. */

import type { Explanation, Service } from '@weir/balancer';
import { type Config, realAt, vipName, vipOf } from '@weir/balancer/config';
import { reasonText } from '@weir/balancer/reasons';
import { formatEndpoint } from '../text/endpoint.js';
import { escapeText } from '../text/escape.js';

/** `web (198.51.100.1:443/tcp)`, or that alone where the VIP has no other name. */
export function vipLabel(config: Pick<Config, 'vips'>, service: Service): string {
  const plain = vipName(service);
  const name = vipOf(config, service)?.name ?? plain;
  return name === plain ? plain : `${escapeText(name)} (${plain})`;
}

/** `a (10.0.0.1)`, or the address alone; with its port, where that is not the VIP's. */
export function realLabel(name: string | undefined, address: string, port?: number): string {
  const plain = port === undefined ? address : formatEndpoint({ address, port });
  return name === undefined || name === plain ? plain : `${escapeText(name)} (${plain})`;
}

/** `by the ring: web (198.51.100.1:443/tcp), real a (10.0.0.1)`. */
export function choiceText(
  config: Pick<Config, 'vips'>,
  { reason, service, real, realPort }: Pick<Explanation, 'reason' | 'service' | 'real' | 'realPort'>,
): string {
  if (service === undefined) return reasonText(reason);
  const vip = vipLabel(config, service);
  if (real === undefined) return `${reasonText(reason)}: ${vip}`;
  const vipConfig = vipOf(config, service);
  const name = vipConfig && realAt(vipConfig, real, realPort)?.name;
  return `${reasonText(reason)}: ${vip}, real ${realLabel(name, real, realPort)}`;
}
