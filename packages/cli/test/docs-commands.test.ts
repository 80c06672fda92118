/** Commands in the pages are read by `weir` as they are printed there. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createProgram } from '../src/program.js';
import { helpOutput } from './support/help-output.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const pages = ['README.md', 'packages', 'docs', 'examples'].flatMap((path) =>
  path.endsWith('.md')
    ? [path]
    : readdirSync(`${root}${path}`, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
        .map((name) => `${path}/${name}`),
);

const nothing = async () => undefined;
const isRead = { trace: 0, top: 0, query: 0, serve: 0, balance: 0, doctor: 0, completion: 0 };
const program = () =>
  createProgram(
    Object.fromEntries(Object.keys(isRead).map((name) => [name, nothing])) as unknown as Parameters<
      typeof createProgram
    >[0],
    helpOutput(() => undefined),
  );

/** A command in a block of code, also with `sudo`, a variable or `npx` before it, or in a container; a screen of `weir top` has two spaces. */
const commandLine =
  /^(?: {4})?(?:\$ )?(?:sudo )?(?:[A-Z_]+=\S+ )?(?:npx |kubectl -n \S+ exec \S+ -- | *registry\.example\/)?weir(?::VERSION)? ((?:trace|top|query|serve|balance|doctor|completion)(?: (?! ).*)?)$/;
/** A synopsis, or a sentence of `weir doctor`. */
const isNoCommand = (line: string) => / (?:\[|<\w)|\.$/.test(line);

const opened = openSync('/dev/null', 'w');
after(() => closeSync(opened));

/** What only the reader's machine has: what another command prints, and a descriptor that the shell opens. */
const here = (words: readonly string[]) =>
  words.map((word, index) => {
    if (word.includes('$(')) return '/proc/self/ns/net';
    return words[index - 1] === '--ready-fd' ? String(opened) : word;
  });

/** The words of a shell's first command. */
function shellWords(line: string): string[] {
  const words: string[] = [];
  let isOpen = false;
  for (const [part, single, double, space, end] of line.matchAll(
    /'([^']*)'|"((?:\\.|\$\([^)]*\)|[^"])*)"|(\s+)|(\d?>|[|&;<]|#)|[^\s'"|&;<>]+|./g,
  )) {
    if (end !== undefined && (end !== '#' || !isOpen)) break;
    if (space !== undefined) isOpen = false;
    else {
      const text = single ?? double ?? part;
      if (isOpen) words.push(`${words.pop()}${text}`);
      else words.push(text);
      isOpen = true;
    }
  }
  return words;
}

describe('commands in the pages', () => {
  const commands = pages.flatMap((page) => {
    let isFenced = false;
    return readFileSync(`${root}${page}`, 'utf8')
      .split('\n')
      .flatMap((line, index) => {
        if (line.startsWith('```')) isFenced = !isFenced;
        const [, command] = isFenced || line.startsWith('    ') ? (line.match(commandLine) ?? []) : [];
        return command === undefined || isNoCommand(command)
          ? []
          : [{ place: `${page}:${index + 1}`, command }];
      });
  });

  it('are found', () => {
    for (const name of Object.keys(isRead))
      assert.ok(
        commands.some(({ command }) => command.startsWith(name)),
        name,
      );
    assert.ok(commands.length >= 40, String(commands.length));
  });

  for (const { place, command } of commands)
    it(`${place}: weir ${command}`, async () => {
      await program().parseAsync(here(shellWords(command)), { from: 'user' });
    });
});
