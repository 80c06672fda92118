/** What a word that stands alone is looked for in. */
import type { FilterColumn } from './filter-columns.js';

/** The word is a part of one of these, */
export const anywhereParts: readonly FilterColumn[] = [
  ...(['comm', 'thread', 'executable', 'command_line', 'unit'] as const),
  ...(['container_id', 'container_name', 'pod_name', 'peer_name', 'state', 'error'] as const),
];

/** or all of one of these, */
export const anywhereWholes: readonly FilterColumn[] = ['pid', 'transport', 'event'];

/** or a part of either end, or of the name of its port, as it is shown. */
export const anywhereEnds = [
  { address: 'local_address', port: 'local_port', interfaceShown: 'always' },
  { address: 'peer_address', port: 'peer_port', interfaceShown: 'link-local' },
] as const;

/** Addresses that a link has, and that another one may have as well: fe80::/10, and multicast within it. */
export const LINK_LOCAL = '^(?:fe[89ab][0-9a-f]|ff[0-9a-f][12]):';
const linkLocal = new RegExp(LINK_LOCAL);

/** An end as it is shown: `10.0.0.1:443`, `10.0.0.1%eth0:443`, `[fe80::1%eth0]:443`. */
export function endText(
  address: string,
  port: number,
  interfaceName: string | undefined,
  interfaceShown: 'always' | 'link-local',
): string {
  const isShown = interfaceName !== undefined && (interfaceShown === 'always' || linkLocal.test(address));
  const place = isShown ? `${address}%${interfaceName}` : address;
  return address.includes(':') ? `[${place}]:${port}` : `${place}:${port}`;
}
