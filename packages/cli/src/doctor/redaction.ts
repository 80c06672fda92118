/** Leaves out of a report whatever says whose host it is about. */
import { isIPv6 } from 'node:net';

/** Values of this host that say whose it is. */
export interface PrivateNames {
  readonly hosts: readonly string[];
  readonly users: readonly string[];
  readonly interfaces: readonly string[];
  /** Kept as it is, though numbers in it may look like an address. */
  readonly release: string;
}

/** Names that every Linux has, and which say nothing. */
const COMMON = new Set(['', 'lo', 'root', 'localhost']);

/** Replaces addresses, names of the host, its users and interfaces, and what is below home folders. */
export function redact(text: string, names: PrivateNames): string {
  const patterns = text
    .replaceAll(/(\/home\/|\/root\/|\/Users\/|\/run\/user\/)[^\s"',;:)]+/g, '$1<path>')
    .replaceAll(/\b[a-z][\w+.-]*:\/\/[^\s"']+/gi, '<url>')
    .replaceAll(/[\w.+-]+@[\w.-]+/g, '<user@host>')
    .replaceAll(/(?<![0-9a-f:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![0-9a-f:])/gi, '<mac>')
    .replaceAll(/(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])/g, (match) =>
      names.release.includes(match) ? match : '<address>',
    )
    .replaceAll(/(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi, (match) =>
      isIPv6(match) ? '<address>' : match,
    );
  return replaceNames(
    replaceNames(replaceNames(patterns, names.hosts, '<host>'), names.users, '<user>'),
    names.interfaces,
    '<interface>',
  );
}

/** The same value with each of its texts redacted; keys are Weir's own. */
export function redactValue(value: unknown, names: PrivateNames): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, item: unknown) => (typeof item === 'string' ? redact(item, names) : item)),
  );
}

function replaceNames(text: string, names: readonly string[], instead: string): string {
  const longestFirst = names
    .filter((name) => !COMMON.has(name))
    .sort((left, right) => right.length - left.length);
  return longestFirst.reduce((changed, name) => {
    const pattern = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return changed.replaceAll(new RegExp(`(?<![A-Za-z0-9<])${pattern}(?![A-Za-z0-9>])`, 'gi'), instead);
  }, text);
}
