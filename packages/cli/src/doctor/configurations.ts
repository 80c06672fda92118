/** What a report says of configurations: whether they can be used, and what is switched on, but nothing that its owner wrote. */
import { ConfigError, parseConfig } from '@weir/balancer/config';
import { isLoopback, parseServeConfig, type ServeConfig } from '@weir/server/config';
import { read } from './read-text.js';

/** Whether a configuration of the balancer can be used, without what it says. */
export function validity(path: string): string {
  const text = read(path);
  return isMissing(text) ? text : (outcome(() => void parseConfig(text, path)) ?? 'valid');
}

/**
 * What a configuration of `weir serve` sets, with its defaults: numbers, switches, and words that Weir has. Texts of its owner, as addresses,
 * names, filters, paths and secrets, are `<text>`.
 */
export function serveOutline(path: string): unknown {
  const text = read(path);
  if (isMissing(text)) return text;
  let config: ServeConfig | undefined;
  const problem = outcome(() => {
    config = parseServeConfig(text, path);
  });
  return problem ?? outline(config);
}

/** Keys whose values are words of Weir. */
const WORDS = new Set(['type', 'role', 'compression', 'facility', 'labels']);
/** Keys of which each key below is its owner's text. */
const NAMED = new Set(['headers', 'attributes', 'groups']);

function outline(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return WORDS.has(key) ? value : '<text>';
  if (Array.isArray(value)) return value.map((item) => outline(item, key));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  if (NAMED.has(key)) return { number: entries.length };
  if (key === 'listen') {
    const { host, port } = value as ServeConfig['listen'][number];
    return { reach: isLoopback(host) ? 'loopback' : 'elsewhere', port };
  }
  return Object.fromEntries(entries.map(([name, item]) => [name, outline(item, name)]));
}

function isMissing(text: string): boolean {
  return /^\(\w+\)$/.test(text);
}

/** Undefined where it does not throw. */
function outcome(parse: () => void): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return error instanceof ConfigError ? 'not valid' : 'not known';
  }
}
