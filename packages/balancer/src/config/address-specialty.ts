/** Addresses to which no packet of one real can go, or that no client of another host can reach. Pure. */
import { covers, parsePrefix } from '@weir/ebpf/address';

const special = [
  ['0.0.0.0/8', 'no address of a host'],
  ['127.0.0.0/8', 'a loopback address'],
  ['224.0.0.0/4', 'a multicast address'],
  ['240.0.0.0/4', 'no unicast address'],
  ['::/128', 'no address of a host'],
  ['::1/128', 'a loopback address'],
  ['ff00::/8', 'a multicast address'],
].map(([prefix = '', what = '']) => ({ prefix: parsePrefix(prefix), what }));

export type Prefix = ReturnType<typeof parsePrefix>;

/** Whether a prefix of the same family covers another one. */
export function isPart(outer: Prefix, inner: Prefix): boolean {
  return outer.address.length === inner.address.length && covers(outer, inner);
}

/** What is special about an address or prefix; undefined if it is a unicast address. */
export function addressSpecialty(text: string): string | undefined {
  const address = parsePrefix(text);
  return special.find(({ prefix }) => isPart(prefix, address))?.what;
}
