/** Guests, whatever kernel they run. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { boot, LabError } from '../src/guest/boot.js';

const kernel = '6.1';

test('a guest runs a command with the environment and files given, and returns output and status', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-files-'));
  try {
    writeFileSync(join(folder, 'given'), 'from the host');
    const chunks: string[] = [];
    const result = await boot({
      kernel,
      command:
        'cat /opt/given; echo; echo "$QUOTED"; nproc; node -e "process.stderr.write(process.version)"; exit 42',
      env: { QUOTED: 'it\'s "so" $HOME' },
      files: { '/opt': folder },
      onOutput: (text) => chunks.push(text),
    });
    assert.equal(result.status, 42);
    assert.equal(result.output, `from the host\nit's "so" $HOME\n1\n${process.version}`);
    assert.equal(chunks.join(''), result.output);
    assert.match(result.release, /^6\.1\./);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a guest that panics is distinguished from a command that fails', async () => {
  await assert.rejects(
    boot({ kernel, command: 'echo before; echo c > /proc/sysrq-trigger; sleep 60' }),
    (error) => {
      assert.ok(error instanceof LabError);
      assert.equal(error.started, true);
      assert.match(error.output, /before/);
      assert.match(error.console, /sysrq triggered crash/);
      return true;
    },
  );
});

test('a guest that never ends is ended at its time limit', async () => {
  await assert.rejects(
    boot({ kernel, command: 'sleep 600', timeoutMs: 1000 }),
    /killed after the time limit/,
  );
});
