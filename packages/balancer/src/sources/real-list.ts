/** Lists of reals in files. Pure functions. */
import { isIPv4 } from 'node:net';
import { isAddress } from '@weir/ebpf/address';
import type { FoundReal } from './found-real.js';

/** Reads `10.0.0.1`, `10.0.0.1:8080`, `2001:db8::1` or `[2001:db8::1]:8080`; undefined for what is none of these. */
export function readPlace(text: string): Pick<FoundReal, 'address' | 'port'> | undefined {
  if (isAddress(text)) return { address: text };
  const match = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, port] = match;
  const address = bracketed ?? plain!;
  if (!isAddress(address) || isIPv4(address) === (bracketed !== undefined)) return undefined;
  return { address, ...(port !== undefined && { port: Number(port) }) };
}

/**
 * Reads a line for each real: its place, and perhaps `weight=NUMBER`; `#` begins a comment.
 *
 * @throws Error with the line that is wrong: half a list, as it is while somebody writes it, must not count
 */
export function readRealList(text: string): FoundReal[] {
  return text.split('\n').flatMap((line, index): FoundReal[] => {
    const [place, ...more] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (place === undefined || place === '') return [];
    const found = readPlace(place);
    const weights = more.map((word) => /^weight=(\d{1,10})$/.exec(word)?.[1]);
    if (found === undefined || weights.length > 1 || weights.includes(undefined))
      throw new Error(`line ${index + 1}: expected ADDRESS or ADDRESS:PORT, and perhaps weight=NUMBER`);
    return [{ ...found, ...(weights.length > 0 && { weight: Number(weights[0]) }) }];
  });
}
