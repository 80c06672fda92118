/** Lookup of VIPs and reals by the names that people use. */
import { canonicalAddress, isAddress } from '@weir/ebpf/address';
import type { Config, RealConfig, VipConfig } from '../config/schema.js';
import { vipName } from '../service.js';

/** A request that is at fault: it names something that does not exist, or asks for something that is refused. */
export class RequestError extends Error {
  override name = 'RequestError';
}

/** A VIP by its name, `ADDRESS:PORT/PROTOCOL`, or its address if only one VIP has that. @throws RequestError */
export function findVip({ vips }: Config, text: string): VipConfig {
  const named = vips.find((vip) => vip.name === text || vipName(vip) === text);
  if (named !== undefined) return named;
  const [vip, ...more] = vips.filter(({ address }) => address === text);
  if (more.length > 0)
    throw new RequestError(`${text} is the address of several VIPs: name one as ${vipName(vip!)}`);
  if (vip !== undefined) return vip;
  throw new RequestError(`there is no VIP ${text}: there ${listed(vips.map(({ name }) => name))}`);
}

/** A real of a VIP by its name or address. @throws RequestError */
export function findReal({ name: vip, reals }: VipConfig, text: string): RealConfig {
  const named = reals.find(({ name }) => name === text);
  if (named !== undefined) return named;
  const key = isAddress(text) ? canonicalAddress(text) : undefined;
  const [real, ...more] = reals.filter(({ address }) => canonicalAddress(address) === key);
  if (more.length > 0)
    throw new RequestError(`${text} is the address of several reals of ${vip}: name one as ${real!.name}`);
  if (real !== undefined) return real;
  throw new RequestError(`${vip} has no real ${text}: there ${listed(reals.map(({ name }) => name))}`);
}

const MAX_LISTED = 10;

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'are none';
  const more = names.length > MAX_LISTED ? `, and ${names.length - MAX_LISTED} more` : '';
  return `${names.length === 1 ? 'is' : 'are'} ${names.slice(0, MAX_LISTED).join(', ')}${more}`;
}
