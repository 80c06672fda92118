/** Machines that Weir refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lazyCommands } from '../src/entries/lazy-commands.js';
import { runCommandLine } from '../src/run-command-line.js';
import { Capture } from './support/captured-output.js';

test('every command is refused on a big-endian machine, in one line', async () => {
  for (const args of [['trace'], ['query'], ['serve'], ['doctor'], ['balance', 'check', '/no/file']]) {
    const stdout = new Capture();
    const stderr = new Capture();
    const code = await runCommandLine(
      args,
      {
        stdout,
        stderr,
        env: {},
        signals: process,
        exit: () => assert.fail('exit'),
        loadTracer: () => assert.fail('the tracer was loaded'),
      },
      lazyCommands,
      { platform: 'linux', architecture: 's390x', byteOrder: 'BE' },
    );
    assert.equal(code, 1);
    assert.equal(stdout.text, '');
    assert.match(stderr.text, /^weir: linux-s390x is big-endian; [^\n]*: use an x64 or arm64 machine\n$/);
  }
});
