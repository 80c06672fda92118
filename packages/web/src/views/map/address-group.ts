/** Groups of addresses, where there are too many to draw each. Pure. */

/** The network that stands for an address among others: a /16 of IPv4, a /48 of IPv6. */
export function addressGroup(address: string): string {
  const text = address.replace(/%.*$/, '');
  if (!text.includes(':')) {
    const [first, second] = text.split('.');
    return `${first}.${second}.0.0/16`;
  }
  return `${expand(text)
    .slice(0, 3)
    .map((part) => part.toString(16))
    .join(':')}::/48`;
}

/** The eight parts of an IPv6 address. */
function expand(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const parts = (text: string) =>
    text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16));
  const front = parts(head);
  const back = parts(tail ?? '');
  return [...front, ...Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0), ...back];
}
