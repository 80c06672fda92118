/** The pages in docs/ describe the options that there are, in the groups and the order of `--help`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { jsonSchemaText } from '@weir/balancer/config';
import { closeFields } from '@weir/tracer';
import { eventNames, fieldOrder } from '@weir/tracer/json';
import { createProgram } from '../src/program.js';
import { helpOutput } from './support/help-output.js';

const nothing = async () => undefined;
const program = createProgram(
  {
    trace: nothing,
    top: nothing,
    query: nothing,
    serve: nothing,
    balance: nothing,
    doctor: nothing,
    completion: nothing,
  },
  helpOutput(() => undefined),
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

for (const name of ['trace', 'top', 'query', 'doctor']) {
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

    it('describes each option', () => {
      for (const part of section(text, '## OPTIONS')
        .split(/^`-[^`]+`$/m)
        .slice(1))
        assert.match(part, /\S.{10}/);
    });
  });
}

describe('docs/balance.md', () => {
  const text = page('balance');
  const { commands } = program.commands.find((candidate) => candidate.name() === 'balance')!;
  /** Of all commands, and of those that ask a running balancer. */
  const shared = [
    ...['--debug', '-h, --help', '--name <name>', '--socket <file>'],
    ...['--remote <url>', '--token-file <file>', '--ca <file>'],
  ];
  const flags = (part: string) => [...part.matchAll(/^`(-[^`]+)`$/gm)].map((match) => match[1]);

  it('has the sections of a manual page', () => {
    for (const heading of sections.filter((each) => each !== 'OUTPUT')) section(text, `## ${heading}`);
  });

  it('has every command in its synopsis, and in words', () => {
    const synopsis = section(text, '## SYNOPSIS').matchAll(/^ {4}weir balance ([\w-]+)/gm);
    const names = commands.map((command) => command.name());
    assert.deepEqual(
      [...synopsis].map((match) => match[1]),
      names,
    );
    const headings = [...section(text, '## COMMANDS').matchAll(/^### (.*)$/gm)].flatMap((match) =>
      match[1]!.split(', '),
    );
    assert.deepEqual(headings, names);
  });

  it('documents every option, and no other', () => {
    const options = section(text, '## OPTIONS');
    for (const command of commands) {
      const own = command
        .createHelp()
        .visibleOptions(command)
        .map((option) => option.flags)
        .filter((each) => !shared.includes(each));
      const documented = own.length === 0 ? [] : flags(section(options, `### ${command.name()}`));
      assert.deepEqual(documented, own, command.name());
    }
    for (const each of shared) assert.ok(flags(options).includes(each), each);
  });

  it('documents every key of the configuration', () => {
    const configuration = section(text, '## CONFIGURATION');
    for (const key of keys(JSON.parse(jsonSchemaText()))) {
      assert.match(configuration, new RegExp(`\\b${key}\\b`), key);
    }
    const { properties } = JSON.parse(jsonSchemaText()) as Schema;
    const table = configuration.slice(0, configuration.indexOf('\n### '));
    const documented = [...table.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    assert.deepEqual(documented.toSorted(), Object.keys(properties!).toSorted());
    const options = [...section(configuration, '### options').matchAll(/^\| `(\w+)` \|/gm)].map(
      (match) => match[1],
    );
    assert.deepEqual(options, Object.keys(properties!.options!.properties!));
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly [other: string]: unknown;
}

/** The names of all properties in a JSON Schema. */
function keys(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {}, ...rest } = schema as Schema;
  return [
    ...Object.keys(properties),
    ...[...Object.values(properties), ...Object.values(rest)].flatMap(keys),
  ];
}

describe('the record format in docs/trace.md', () => {
  const rows = [
    ...section(section(page('trace'), '## OUTPUT'), '### JSON').matchAll(
      /^\| (`[^|]+`) \| ([^|]*) \| (.*) \|$/gm,
    ),
  ].flatMap(([, fields, on, meaning]) =>
    [...fields!.matchAll(/`(\w+)`/g)].map(([, name]) => ({ name: name!, on: on!, meaning: meaning! })),
  );
  const documented = rows.map(({ name }) => name);

  it('has every field once, in the order in which each kind of record has them', () => {
    assert.equal(new Set(documented).size, documented.length);
    assert.deepEqual([...documented].sort(), [...new Set(eventNames.flatMap(fieldOrder))].sort());
    for (const event of eventNames) {
      const names = fieldOrder(event);
      assert.deepEqual(
        documented.filter((name) => names.includes(name)),
        names,
        event,
      );
    }
  });

  it('says of each field of close that close has it, and its unit', () => {
    for (const [name, { unit }] of Object.entries(closeFields)) {
      const { on, meaning } = rows.find((row) => row.name === name)!;
      assert.match(on, /\bclose\b/, name);
      if (unit !== 'name') assert.match(meaning, new RegExp(`\\b${unit}\\b`), name);
    }
    const common = new Set(fieldOrder('connect'));
    for (const { name, on } of rows) {
      if (/\bclose\b/.test(on) && !common.has(name)) assert.ok(name in closeFields, name);
    }
  });
});
