/** Lists of prefixes with names, a line each: `10.1.2.0/24,db`, `10.1.2.0/24: db` or `10.1.2.0/24 db`. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import { NAME_RULE, nameProblem } from './group-name.js';
import type { PrefixTable } from './prefix-table.js';

const lineForm = /^"?([0-9A-Fa-f.:/]*[0-9A-Fa-f])"?(?:\s*[,;]\s*|:\s+|\s+)(.+)$/;

/**
 * Adds a list. Empty lines and what follows `#` at the beginning of a line or behind a space do not count, nor does a first line
 * of titles.
 *
 * @param file Its name in messages.
 * @returns Number of prefixes.
 * @throws OptionError that names the line
 */
export function addPrefixList(table: PrefixTable, text: string, file: string): number {
  const own = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  let count = 0;
  for (const [index, line] of lines.entries()) {
    const content = line.replace(/(?:^|\s)#.*$/, '').trim();
    if (content === '' || content === '---') continue;
    const place = `${file}:${index + 1}`;
    const match = lineForm.exec(content);
    if (match === null) {
      // Titles of columns.
      if (count === 0 && /^"?(?:prefix|network|cidr|address)"?\s*[,;]/i.test(content)) continue;
      throw new OptionError(`${place}: expected a prefix and a name, such as 10.1.2.0/24,db`);
    }
    const prefix = match[1]!;
    const name = unquoted(match[2]!);
    if (nameProblem(name)) throw new OptionError(`${place}: ${NAME_RULE}`);
    const twice = own.get(prefix);
    if (twice !== undefined && twice !== name)
      throw new OptionError(`${place}: ${prefix} is there twice, as ${twice} and ${name}`);
    own.set(prefix, name);
    addAt(table, prefix, name, place);
    count++;
  }
  return count;
}

/** Adds a prefix, and says where it is that makes no sense. @throws OptionError */
export function addAt(table: PrefixTable, prefix: string, name: string, place: string): void {
  try {
    table.add(prefix, name);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(`${place}: ${error.message}`, { cause: error });
  }
}

function unquoted(text: string): string {
  const match = /^"((?:[^"]|"")*)"$/.exec(text) ?? /^'([^']*)'$/.exec(text);
  return (match?.[1]?.replaceAll('""', '"') ?? text).trim();
}
