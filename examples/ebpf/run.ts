/** How a tool becomes a program: its options from the command line, its lines to standard output. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { OptionError } from '@weir/ebpf';

type Numbers<Name extends string> = { readonly [name in Name]?: number };

/** Options by name, and what each is. */
type Kinds = Readonly<Record<string, NumberConstructor | StringConstructor>>;
type Values<K extends Kinds> = { readonly [name in keyof K]?: ReturnType<K[name]> };

/**
 * Runs a tool if its module is what Node.js was started with, and not if another module imports it.
 *
 * @param url The tool's `import.meta.url`.
 * @param names Its options, all of them numbers: `--pid 7` is `{ pid: 7 }`.
 */
export async function run<Name extends string>(
  url: string,
  tool: (options: Numbers<Name>) => AsyncIterable<string>,
  ...names: Name[]
): Promise<void> {
  const kinds = Object.fromEntries(names.map((name) => [name, Number]));
  await runWith(url, tool as (options: object) => AsyncIterable<string>, kinds);
}

/** As {@link run}, for a tool with options of several kinds: `{ device: String, port: Number }`. */
export async function runWith<K extends Kinds>(
  url: string,
  tool: (options: Values<K>) => AsyncIterable<string>,
  kinds: K,
): Promise<void> {
  const [, program] = process.argv;
  if (program === undefined || realpathSync(program) !== fileURLToPath(url)) return;
  try {
    for await (const line of tool(readOptions(kinds))) console.log(printable(line));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

/** An option that a tool cannot do without. @throws OptionError where it was not given. */
export function needed<T>(name: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new OptionError(`give the ${name}: --${name} …`);
}

function readOptions<K extends Kinds>(kinds: K): Values<K> {
  try {
    const { values } = parseArgs({
      options: Object.fromEntries(Object.keys(kinds).map((name) => [name, { type: 'string' as const }])),
    });
    return Object.fromEntries(
      Object.entries(values).map(([name, text]) => [
        name,
        kinds[name] === Number ? parse(name, `${text}`) : text,
      ]),
    ) as Values<K>;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}

function parse(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new Error(`--${name} ${text}: expected a number`);
}

/** Names and paths are whatever a process likes: nothing in them shall act on a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, '?');
}

/** Rows of a table. Each column has a width: its cells are to the right, or to the left where the width is negative. */
export function table(...widths: readonly number[]): (...cells: readonly (string | number)[]) => string {
  const align = (cell: string, width: number) => (width < 0 ? cell.padEnd(-width) : cell.padStart(width));
  return (...cells) =>
    cells
      .map((cell, i) => align(`${cell}`, widths[i] ?? 0))
      .join(' ')
      .trimEnd();
}
