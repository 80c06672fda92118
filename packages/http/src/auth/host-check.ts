/**
 * Which names a request may call this server by, and from which pages it may come. A page of another server can make a browser send
 * requests here, also by a name of its own that it lets resolve to this host (DNS rebinding). Pure.
 */
import { isIPv6 } from 'node:net';
import { canonicalAddress, isAddress } from '@weir/ebpf/address';
import { withoutMapping } from './client-address.js';
import { isLoopback } from './loopback.js';

/** What is allowed. */
export interface AllowedHosts {
  /** Names and addresses from the configuration. */
  readonly names: readonly string[];
  /** Origins of other pages, from the configuration. */
  readonly origins: readonly string[];
}

/** The host of a Host header without its port, in lower case; undefined for a header that is none. */
export function hostOf(header: string): string | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,255}))(?::\d{1,5})?$/.exec(header);
  if (match === null) return undefined;
  if (match[1] !== undefined) return isIPv6(match[1]) ? canonicalAddress(match[1]) : undefined;
  const name = match[2]!.toLowerCase().replace(/\.$/, '');
  return name === '' ? undefined : name;
}

/**
 * Whether a Host header is of this server.
 *
 * @param localAddress The address at which the request arrived; undefined on a Unix socket, which no browser reaches.
 */
export function isOwnHost(
  header: string | undefined,
  localAddress: string | undefined,
  allowed: AllowedHosts,
): boolean {
  if (localAddress === undefined) return true;
  const host = header === undefined ? undefined : hostOf(header);
  if (host === undefined) return false;
  if (host === 'localhost') return isLoopback(localAddress);
  if (allowed.names.some((name) => sameHost(name, host))) return true;
  return (
    isAddress(host) &&
    canonicalAddress(withoutMapping(host)) === canonicalAddress(withoutMapping(localAddress))
  );
}

function sameHost(name: string, host: string): boolean {
  return isAddress(name) ? canonicalAddress(name) === host : name.toLowerCase() === host;
}

/** What a browser says about the page that a request comes from. */
export interface RequestOrigin {
  readonly origin: string | undefined;
  /** The header Sec-Fetch-Site. */
  readonly site: string | undefined;
  readonly host: string;
  readonly scheme: 'http' | 'https';
}

/** Whether the page is of this server, or an allowed one, or there is none. */
export function isAllowedOrigin(
  { origin, site, host, scheme }: RequestOrigin,
  allowed: AllowedHosts,
): boolean {
  if (origin !== undefined) return origin === `${scheme}://${host}` || allowed.origins.includes(origin);
  // A link from elsewhere to a page is `cross-site` as well, but has no Origin and is a navigation; see `isNavigation`.
  return site === undefined || site === 'same-origin' || site === 'none';
}
