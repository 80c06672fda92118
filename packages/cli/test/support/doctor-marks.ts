/** The marks of `weir doctor`, beside those that root gets. */
import assert from 'node:assert/strict';
import { type Ending, runWeir } from './command.js';

/** Runs a command as root without these capabilities. */
export function asRootWithout(...capabilities: readonly string[]): string[] {
  const list = capabilities.map((name) => `-${name}`).join(',');
  return ['setpriv', `--inh-caps=${list}`, `--bounding-set=${list}`];
}

type Marks = ReadonlyMap<string, string>;

/** The marks of types, hooks and features, by section and name. Capabilities are the process's own, and differ. */
function marksOf({ stdout }: Ending): Marks {
  const marks = new Map<string, string>();
  let section = '';
  let purpose = '';
  for (const line of stdout.split('\n')) {
    if (/^[A-Z][\w ]*$/.test(line)) section = line;
    purpose = /^ {2}(\w[^:]*): /.exec(line)?.[1] ?? purpose;
    const [, indent, mark, name] = /^( +)([✓✗?]) (\S+)/.exec(line) ?? [];
    if (section === 'Types' && mark !== undefined) marks.set('Types', mark);
    // Above the first hook and the first feature stands what most of them lack.
    const isHint = name === undefined || /^(needs|the|EPERM:|tracefs)$/.test(name);
    if (section === 'Features' && !isHint) marks.set(name, mark!);
    if (section === 'Hooks' && indent !== undefined && indent.length > 2)
      marks.set(`${purpose}: ${name}`, mark!);
  }
  return marks;
}

export const root = await runWeir(['doctor']);
export const rootMarks = marksOf(root);

/** Each mark is root's, or `?`. Returns the names of what is not known. */
export function assertLessKnown(limited: Ending): string[] {
  const marks = marksOf(limited);
  assert.deepEqual([...marks.keys()], [...rootMarks.keys()]);
  const hidden: string[] = [];
  for (const [name, mark] of marks) {
    if (mark === '?') hidden.push(name);
    else assert.equal(mark, rootMarks.get(name), `${name}\n${limited.stdout}`);
  }
  return hidden;
}

/** Asserts that a process gets what root gets, or less, and which capability is named where one is missing. */
export async function assertNothingMissing(
  prefix: readonly string[],
  works: boolean,
  named?: string,
): Promise<void> {
  const limited = await runWeir(['doctor'], prefix);
  assert.equal(limited.status, works ? 0 : 1, limited.stdout + limited.stderr);
  assertLessKnown(limited);
  if (named !== undefined) assert.match(limited.stdout, new RegExp(`needs .*${named}\\b`));
}
