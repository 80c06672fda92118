/** The tree of commands: whole, or the one that the command line names. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createProgram } from '../src/program.js';
import { helpOutput } from './support/help-output.js';

const nothing = async () => undefined;
const actions = {
  ...{ trace: nothing, top: nothing, query: nothing, serve: nothing },
  ...{ balance: nothing, doctor: nothing, completion: nothing },
};
const programFor = (first?: string) =>
  createProgram(
    actions,
    helpOutput(() => undefined),
    first,
  );
const names = (first?: string) => programFor(first).commands.map((command) => command.name());

it('a command that the first argument names is built alone, and is what it is in the whole tree', () => {
  for (const name of names().filter((name) => name !== 'completion')) {
    assert.deepEqual(names(name), [name]);
    const whole = programFor().commands.find((command) => command.name() === name)!;
    assert.equal(programFor(name).commands[0]!.helpInformation(), whole.helpInformation());
  }
});

it('any other first argument leaves all commands in the tree', () => {
  for (const first of ['completion', 'help', '--help', '--debug', 'tracing', 'toString', ''])
    assert.deepEqual(names(first), names());
  assert.equal(names().length, 7);
});
