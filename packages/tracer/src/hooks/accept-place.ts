/**
 * Keeps in a file what accept-breakpoint.ts has found out, for the next starts until the machine is booted anew: it takes a tenth of a
 * start.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { cacheFolder, readOwnFile, writeOwnFile } from '../discovery/cache.js';

/** What the program must know. */
export interface AcceptBreakpoint {
  /** The pointers that accept() reads: one for IPv4, and one for IPv6 where the kernel has that. */
  readonly pointers: readonly bigint[];
  /** The place in the kernel's code where accept() reads them. */
  readonly place: bigint;
}

/** What decides where the kernel's code and data are. */
export interface BootIdentity {
  /** Another one after each boot. */
  readonly boot: string;
  /** uname -r */
  readonly release: string;
  /** Whether the kernel has IPv6, which may be loaded later. */
  readonly ipv6: boolean;
  /** Patches of the running kernel, which replace functions. */
  readonly patches: readonly string[];
}

const FORMAT = 2;
const NAME = 'accept-place.json';
/** The upper half of addresses is the kernel's. */
const LOWEST = 0xffff_8000_0000_0000n;

/** That of the running kernel; undefined without procfs. */
export function bootIdentity(): BootIdentity | undefined {
  try {
    return {
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
      release: release(),
      ipv6: existsSync('/proc/net/if_inet6'),
      patches: existsSync('/sys/kernel/livepatch') ? readdirSync('/sys/kernel/livepatch').sort() : [],
    };
  } catch {
    return undefined;
  }
}

/**
 * FNV-1a of 32 bits. A place that is wrong by one digit looks as good as the right one, and no accept would be seen; who may write
 * to the file on purpose may do anything.
 */
function checksum(text: string): number {
  let sum = 0x811c_9dc5;
  for (let index = 0; index < text.length; index++)
    sum = Math.imul(sum ^ text.charCodeAt(index), 0x0100_0193) >>> 0;
  return sum;
}

/** The content of a file. */
export function encodeAcceptPlace({ pointers, place }: AcceptBreakpoint, identity: BootIdentity): string {
  const hexadecimal = (address: bigint) => address.toString(16);
  const content = { pointers: pointers.map(hexadecimal), place: hexadecimal(place) };
  const checked = JSON.stringify({ format: FORMAT, identity, ...content });
  return `${JSON.stringify({ checked, checksum: checksum(checked) })}\n`;
}

/** undefined if the file is of another boot, has another format, or is damaged. */
export function decodeAcceptPlace(text: string, identity: BootIdentity): AcceptBreakpoint | undefined {
  let content: { format?: unknown; identity?: unknown; pointers?: unknown; place?: unknown } | null;
  try {
    const file = JSON.parse(text);
    if (typeof file?.checked !== 'string' || file.checksum !== checksum(file.checked)) return undefined;
    content = JSON.parse(file.checked);
  } catch {
    return undefined;
  }
  if (content?.format !== FORMAT || JSON.stringify(content.identity) !== JSON.stringify(identity))
    return undefined;
  const listed: unknown[] = Array.isArray(content.pointers) ? content.pointers : [];
  const pointers = listed.map(readAddress);
  const place = readAddress(content.place);
  if (place === undefined || pointers.length < 1 || pointers.length > 2) return undefined;
  return pointers.every((pointer) => pointer !== undefined) ? { pointers, place } : undefined;
}

function readAddress(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || !/^[0-9a-f]{16}$/.test(value)) return undefined;
  const address = BigInt(`0x${value}`);
  return address < LOWEST ? undefined : address;
}

/** What an earlier start has found in this boot; undefined if there is no valid file that only this user can write. */
export function loadAcceptPlace(
  folder: string = cacheFolder(),
  identity: BootIdentity | undefined = bootIdentity(),
): AcceptBreakpoint | undefined {
  const text = identity === undefined ? undefined : readOwnFile(folder, NAME);
  return text === undefined ? undefined : decodeAcceptPlace(text, identity!);
}

/** Stores it in a file that only this user can read, for it says where the kernel is. Returns whether it could. */
export function storeAcceptPlace(
  found: AcceptBreakpoint,
  folder: string = cacheFolder(),
  identity: BootIdentity | undefined = bootIdentity(),
): boolean {
  return identity !== undefined && writeOwnFile(folder, NAME, encodeAcceptPlace(found, identity));
}
