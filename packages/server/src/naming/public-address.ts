/** Which addresses belong to somebody in the internet. Pure. */
import { PrefixTable } from './prefix-table.js';

/** IANA's registries of special-purpose addresses, and multicast. */
const special = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/3', '::/3', '4000::/2', '8000::/1', '2001:db8::/32', '3fff::/20'],
];
const table = new PrefixTable();
for (const prefix of special) table.add(prefix, '');

/** Whether an address, in the form that rows have, is a public one. */
export function isPublicAddress(address: string): boolean {
  return table.find(address) === undefined;
}
