/** The pages in docs/ describe the options that there are, in the groups and the order of `--help`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fieldOrder } from '../src/json.js';
import { createProgram } from '../src/program.js';

const nothing = async () => undefined;
const program = createProgram(
  { trace: nothing, top: nothing, balance: nothing, doctor: nothing, completion: nothing },
  () => undefined,
);

const page = (name: string) => readFileSync(new URL(`../../../../docs/${name}.md`, import.meta.url), 'utf8');

/** The text below a heading, to the next of the same level. */
function section(text: string, heading: string): string {
  const level = heading.slice(0, heading.indexOf(' ') + 1);
  const start = text.indexOf(`\n${heading}\n`);
  assert.ok(start >= 0, heading);
  const end = text.indexOf(`\n${level}`, start + heading.length + 1);
  return text.slice(start, end < 0 ? undefined : end);
}

const sections = [
  ...['SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'OUTPUT', 'EXIT STATUS'],
  ...['CAPABILITIES', 'OVERHEAD', 'EXAMPLES', 'SEE ALSO'],
];

for (const name of ['trace', 'top', 'doctor']) {
  describe(`docs/${name}.md`, () => {
    const text = page(name);
    const command = program.commands.find((candidate) => candidate.name() === name)!;

    it('has the sections of a manual page', () => {
      for (const heading of sections) section(text, `## ${heading}`);
    });

    it('documents every option, and no other', () => {
      const documented = [...section(text, '## OPTIONS').matchAll(/^(?:### (.*)|`(-[^`]+)`)$/gm)];
      const visible = command.createHelp().visibleOptions(command);
      const expected: string[] = [];
      let group = '';
      for (const option of visible) {
        if (option.helpGroupHeading !== `${group}:`) {
          group = (option.helpGroupHeading ?? '').replace(/:$/, '');
          expected.push(group);
        }
        expected.push(option.flags);
      }
      assert.deepEqual(
        documented.map((match) => match[1] ?? match[2]),
        expected,
      );
    });

    it('says something about each', () => {
      for (const part of section(text, '## OPTIONS')
        .split(/^`-[^`]+`$/m)
        .slice(1))
        assert.match(part, /\S.{10}/);
    });
  });
}

describe('the record format in docs/trace.md', () => {
  it('has every field, in the order in which they are written', () => {
    const rows = section(section(page('trace'), '## OUTPUT'), '### JSON').matchAll(/^\| (`[^|]+`) \|/gm);
    const documented = [...rows].flatMap((row) => [...row[1]!.matchAll(/`(\w+)`/g)].map((match) => match[1]));
    assert.deepEqual(documented, fieldOrder);
  });
});
