import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerChild } from '../src/serve/server-child.js';

const LONGEST_MS = 20_000;

async function until(isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + LONGEST_MS; !isTrue(); await sleep(5))
    if (Date.now() > end) throw new Error('waited in vain');
}

/** A server that notes when its process runs, and what it is given. */
function noting(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-child-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const [running, given] = ['running', 'given'].map((name) => join(folder, name)) as [string, string];
  const program = `const { appendFileSync } = require('node:fs');
    process.stdin.on('data', (data) => appendFileSync(${JSON.stringify(given)}, data));
    process.stdin.on('end', () => process.exit(0));
    appendFileSync(${JSON.stringify(running)}, 'x');`;
  const child = new ServerChild({
    command: [process.execPath, '-e', program],
    settings: { config: { folder: '/x' }, version: '1' } as never,
    onProblem: () => {},
  });
  return { child, running, given };
}

describe('the server as a child', () => {
  test('is loaded at once, and gets its settings when it is to begin', async (context) => {
    const { child, running, given } = noting(context);
    await until(() => existsSync(running));
    assert.equal(existsSync(given), false);
    child.begin();
    await until(() => existsSync(given) && readFileSync(given, 'utf8').endsWith('\n'));
    assert.equal(readFileSync(given, 'utf8'), '{"config":{"folder":"/x"},"version":"1"}\n');
    await child[Symbol.asyncDispose]();
    assert.match(readFileSync(given, 'utf8'), /\nstop\n$/);
  });

  test('that has not begun ends without having been given anything', async (context) => {
    const { child, running, given } = noting(context);
    await until(() => existsSync(running));
    await child[Symbol.asyncDispose]();
    assert.equal(child.pid, undefined);
    assert.equal(existsSync(given), false);
  });
});
