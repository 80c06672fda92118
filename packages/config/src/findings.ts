/** Messages for the author of a configuration, from the schema's issues. */
import { nearest } from '@weir/ebpf/nearest';
import type { z } from 'zod';
import type { Path } from './yaml-source.js';

type Issue = z.core.$ZodIssue;

/** A problem at a place in the file. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  /** A key in the map at `path`, if the problem is the key. */
  readonly key?: string;
}

/** Keys of earlier versions by the keys that have replaced them. */
export type ReplacedKeys = Readonly<Record<string, string>>;

/** What is known of keys. */
export interface KeyNames {
  readonly replaced?: ReplacedKeys;
  /** The keys that the map at a place may have. */
  readonly known?: (path: Path) => readonly string[];
}

/** Translates the schema's issues. A union's problem is that of the form which the author meant. */
export function findings(issues: readonly Issue[], names: KeyNames = {}, above: Path = []): Finding[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path];
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path, key, message: unknownKey(key, path, names) }));
      case 'invalid_union':
        return unionFindings(issue, path, names);
      default:
        return [{ path, message: text(issue, path) }];
    }
  });
}

function unionFindings(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
  names: KeyNames,
): Finding[] {
  if ('discriminator' in issue && issue.discriminator !== undefined) {
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
    return [{ path, message: `${where(path)}expected ${options.join(' or ')}` }];
  }
  const meant = issue.errors.find((errors) =>
    errors.some(
      ({ path: inside, code }) => inside.length > 0 || code === 'unrecognized_keys' || code === 'custom',
    ),
  );
  if (meant !== undefined) return findings(meant, names, path);
  const expected = issue.errors.flatMap((errors) => errors.slice(0, 1).map(expectation));
  return [{ path, message: `${where(path)}expected ${[...new Set(expected)].join(' or ')}` }];
}

function unknownKey(key: string, path: Path, { replaced = {}, known }: KeyNames): string {
  const what = `${key} is not known here`;
  if (Object.hasOwn(replaced, key)) return `${what}: its name is ${replaced[key]}`;
  const near = nearest(key, known?.(path) ?? []);
  // Another form of the map has it.
  return near === undefined || near === key ? what : `${what}; did you mean ${near}?`;
}

/** The name of the value at fault; items of a list have the list's name. */
function where(path: Path): string {
  const name = path.findLast((step) => typeof step === 'string');
  return name === undefined ? '' : `${String(name)}: `;
}

function text(issue: Issue, path: Path): string {
  if (issue.code === 'custom') return `${where(path)}${issue.message}`;
  if (issue.input === undefined) return `${String(path.at(-1) ?? 'everything')} is missing`;
  return `${where(path)}expected ${expectation(issue)}`;
}

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a map',
  string: 'text',
};

function unitOf(origin: string, count: number): string {
  if (origin !== 'string') return '';
  return count === 1 ? ' character' : ' characters';
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeNames[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.join(issue.values.length > 2 ? ', ' : ' or ');
    case 'too_small':
      if (issue.origin === 'array') return `at least ${issue.minimum}`;
      return `${issue.minimum}${unitOf(issue.origin, Number(issue.minimum))} or more`;
    case 'too_big':
      if (issue.origin === 'array') return `at most ${issue.maximum}`;
      return `${issue.maximum}${unitOf(issue.origin, Number(issue.maximum))} or less`;
    case 'invalid_format':
      return issue.message.startsWith('Invalid string') ? 'another form' : issue.message;
    default:
      return issue.message;
  }
}
