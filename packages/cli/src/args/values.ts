/**
 * Parsers of single option values. All are pure and throw commander's InvalidArgumentError, whose message follows
 * "option '--x <y>' argument 'z' is invalid." and says what would be valid.
 */
import { parsePrefix } from '@weir/ebpf/address';
import { decodeBytes, encodeText } from '@weir/ebpf/byte-text';
import { parseDuration as readDuration } from '@weir/ebpf/duration';
import { OptionError } from '@weir/ebpf/errors';
import type { PortRange } from '@weir/tracer';
import { escapeName, unescapeName } from '@weir/tracer/escape';
import { InvalidArgumentError } from '../commander.js';

/** Splits at commas; `\,` stands for a comma and `\\` for a backslash. Empty items are errors. */
export function splitList(text: string): string[] {
  return splitItems(text).map((item) => item.replace(/\\([,\\])/g, '$1'));
}

/** Splits at commas that no backslash precedes, and leaves backslashes where they are. */
function splitItems(text: string): string[] {
  const items = [''];
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    const next = text[index + 1];
    if (character === '\\' && (next === ',' || next === '\\')) {
      items[items.length - 1] += character + next;
      index++;
    } else if (character === ',') {
      items.push('');
    } else {
      items[items.length - 1] += character;
    }
  }
  if (items.includes('')) throw new InvalidArgumentError('An item of the list is empty.');
  return items;
}

/** A decimal integer between `min` and `max`, both inclusive. */
export function parseInteger(text: string, what: string, min: number, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new InvalidArgumentError(`Expected ${what} from ${min} to ${max}.`);
  }
  return value;
}

/** Calls a parser of another package; what that refuses is a fault of the option's argument. */
function asArgument<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new InvalidArgumentError(`${error.message[0]?.toUpperCase()}${error.message.slice(1)}.`);
  }
}

/** `500ms`, `10s`, `1.5m`, `2h` in milliseconds. A number alone is seconds, as for sleep(1). */
export function parseDuration(text: string): number {
  return asArgument(() => readDuration(text));
}

const multiples: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** A BPF map's max_entries is an unsigned 32-bit number, and a ring's has to be a power of two. */
const MAX_RING_BYTES = 2 ** 31;

/** A ring buffer's size in bytes: `65536`, `512K`, `8M`, `1G`, with factors of 1024. */
export function parseSize(text: string): number {
  const match = /^(\d+)([KMG]?)(?:i?B)?$/i.exec(text);
  if (match === null) throw new InvalidArgumentError('Expected a size such as 512K, 8M or 1G.');
  const size = Number(match[1]) * multiples[match[2]!.toUpperCase()]!;
  if (size < 4096 || size > MAX_RING_BYTES) throw new InvalidArgumentError('Expected a size from 4K to 2G.');
  return size;
}

/** Ports and inclusive ranges, such as `443,8000-8999`. */
export function parsePorts(text: string): PortRange[] {
  return splitList(text).map((item) => {
    const ends = item.split('-');
    if (ends.length > 2) throw new InvalidArgumentError('Expected a port or a range such as 8000-8999.');
    const [from, to] = ends.map((end) => parseInteger(end, 'a port', 0, 65_535));
    if (to !== undefined && from! > to) {
      throw new InvalidArgumentError(`A range starts with its lower port: ${to}-${from}.`);
    }
    return { from: from!, to: to ?? from! };
  });
}

/** Addresses and CIDR prefixes of either family, such as `10.0.0.0/8,2001:db8::/32,192.0.2.1`. */
export function parsePrefixes(text: string): string[] {
  return splitList(text).map((item) => {
    asArgument(() => parsePrefix(item));
    return item;
  });
}

/** The highest process id of 64-bit kernels (include/linux/threads.h). */
const PID_MAX_LIMIT = 2 ** 22;

export function parsePids(text: string): number[] {
  return splitList(text).map((item) => parseInteger(item, 'a process id', 1, PID_MAX_LIMIT));
}

/** The same where items may be missing, as tcptracer-bpf's sample takes it: ``, `1,,2`. */
export function parseSparsePids(text: string): number[] {
  const given = text.split(',').filter((item) => item !== '');
  return given.length === 0 ? [] : parsePids(given.join(','));
}

/** TASK_COMM_LEN without the final NUL (include/linux/sched.h). */
const MAX_COMM_BYTES = 15;

export function parseComms(text: string): string[] {
  return splitItems(text).map((item) => {
    const name = unescapeName(item);
    const bytes = encodeText(name);
    if (bytes.length <= MAX_COMM_BYTES) return name;
    const kept = escapeName(decodeBytes(bytes.subarray(0, MAX_COMM_BYTES)));
    throw new InvalidArgumentError(
      `The kernel keeps ${MAX_COMM_BYTES} bytes of a command's name: try '${kept}'.`,
    );
  });
}

/** A parser of lists of the given words. */
export function wordsParser<const Word extends string>(words: readonly Word[]): (text: string) => Word[] {
  return (text) =>
    splitList(text).map((item) => {
      const word = words.find((candidate) => candidate === item);
      if (word === undefined) throw new InvalidArgumentError(`Allowed are ${words.join(', ')}.`);
      return word;
    });
}

/** Makes an option repeatable: the values of all its occurrences in one array. */
export function repeatable<T>(parse: (text: string) => T[]): (text: string, previous?: T[]) => T[] {
  return (text, previous = []) => [...previous, ...parse(text)];
}
