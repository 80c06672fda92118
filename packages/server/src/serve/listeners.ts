/** Whose sockets listen at an address of this host, as `/proc/net/tcp` lists them. */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { addressBytes, formatAddress } from '@weir/ebpf/address';

/** A TCP socket that listens. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  readonly uid: number;
}

const LISTEN = '0A';
const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];

/** Sockets of the network namespace of this process. @throws Error of the system where they are not shown */
export function listListeners(): Listener[] {
  return ['tcp', 'tcp6'].flatMap((name) => parseListeners(tableText(name)));
}

function tableText(name: string): string {
  try {
    return readFileSync(`/proc/self/net/${name}`, 'latin1');
  } catch (error) {
    // A kernel without IPv6 has no such table.
    if (name === 'tcp6' && (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Reads the text of such a table. Pure. */
export function parseListeners(text: string, order: 'LE' | 'BE' = endianness()): Listener[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [address = '', port = ''] = fields[1]?.split(':') ?? [];
    if (fields[3] !== LISTEN) return [];
    return [
      { address: readAddress(address, order), port: Number.parseInt(port, 16), uid: Number(fields[7]) },
    ];
  });
}

/** Words of 32 bits, each a number of the host's byte order. */
function readAddress(hex: string, order: 'LE' | 'BE'): string {
  const bytes = Buffer.from(hex, 'hex');
  return formatAddress(order === 'LE' ? bytes.swap32() : bytes);
}

/**
 * The sockets that get connections to an address. One at every address of IPv6 gets those to IPv4 where none of IPv4 listens. Pure.
 *
 * @param address An IP address.
 */
export function listenersAt(listeners: readonly Listener[], address: string, port: number): Listener[] {
  const isSixBytes = (text: string) => addressBytes(text).length === 16;
  const target = formatAddress(addressBytes(address));
  const here = listeners.filter(
    (listener) =>
      listener.port === port && [target, `::ffff:${target}`, ...WILDCARDS].includes(listener.address),
  );
  const ofFamily = here.filter((listener) => isSixBytes(listener.address) === isSixBytes(target));
  return ofFamily.length > 0 || isSixBytes(target) ? ofFamily : here;
}
