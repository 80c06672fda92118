/** VIPs and reals as people name them. */
import { isIP } from 'node:net';
import { canonicalAddress } from '../address.js';
import { type Config, type RealConfig, type VipConfig, vipName } from '../config/schema.js';

/** A request that cannot be met as it is: what it names is not there, or what it asks for is refused. */
export class RequestError extends Error {
  override name = 'RequestError';
}

/** A VIP by its name, `ADDRESS:PORT/PROTOCOL`, or its address if no other one has that. @throws RequestError */
export function findVip({ vips }: Config, text: string): VipConfig {
  const named = vips.find((vip) => vip.name === text || vipName(vip) === text);
  if (named !== undefined) return named;
  const [vip, ...more] = vips.filter(({ address }) => address === text);
  if (more.length > 0) throw new RequestError(`${text} has several VIPs: name one by ${vipName(vip!)}`);
  if (vip !== undefined) return vip;
  throw new RequestError(`no VIP ${text}: there ${listed(vips.map(({ name }) => name))}`);
}

/** A real of a VIP by its name or address. @throws RequestError */
export function findReal({ name: vip, reals }: VipConfig, text: string): RealConfig {
  const named = reals.find(({ name }) => name === text);
  if (named !== undefined) return named;
  const key = isIP(text) === 0 ? undefined : canonicalAddress(text);
  const [real, ...more] = reals.filter(({ address }) => canonicalAddress(address) === key);
  if (more.length > 0)
    throw new RequestError(`${text} has several ports in ${vip}: name one by ${real!.name}`);
  if (real !== undefined) return real;
  throw new RequestError(`no real ${text} of ${vip}: there ${listed(reals.map(({ name }) => name))}`);
}

const LISTED = 10;

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'are none';
  const more = names.length > LISTED ? `, and ${names.length - LISTED} more` : '';
  return `${names.length === 1 ? 'is' : 'are'} ${names.slice(0, LISTED).join(', ')}${more}`;
}
