/** Addresses as sockets report them. Pure. */

/** IPv4 through an IPv6 socket, `::ffff:192.0.2.1`, as IPv4; without the zone of a link-local address. */
export function withoutMapping(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address.replace(/%.*$/, '');
}
