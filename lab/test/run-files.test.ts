import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runOnHost } from '../src/suite/run-files.js';
import { formatSummary } from '../src/suite/suite.js';

describe('runOnHost', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-suite-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs one test file of this text. */
  async function runText(text: string, timeoutMs = 30_000) {
    const file = join(folder, `${Math.random().toString(36).slice(2)}.test.mjs`);
    writeFileSync(file, `import { test, describe } from 'node:test';\n${text}`);
    return runOnHost({ name: 'inner', files: [file], concurrency: 1, env: { FROM: 'outside' }, timeoutMs });
  }

  test('counts what passed, failed and was skipped, and keeps what was printed', async () => {
    const result = await runText(`
      describe('suite', () => {
        test('good', () => console.log('printed by', process.env.FROM));
        test('bad', () => { throw new TypeError('the reason'); });
        test('left out', { skip: 'no such kernel' }, () => {});
        test('outer', async (t) => { await t.test('inner', () => { throw new Error('deep'); }); });
      });`);
    assert.deepEqual([result.passed, result.failed, result.skipped], [1, 2, 1]);
    assert.deepEqual(
      result.failures.map(({ name }) => name),
      ['suite › bad', 'suite › outer › inner'],
    );
    assert.match(result.failures[0]?.detail ?? '', /TypeError: the reason\n +at /);
    assert.match(result.failures[0]?.output ?? '', /printed by outside/);
    assert.match(result.skips[0] ?? '', /suite › left out: no such kernel$/);
    const summary = formatSummary([result]);
    assert.match(summary, /TypeError: the reason/);
    assert.match(summary, /\nslow +\d+\.\d s \[inner\] .*: suite › good\n/);
    assert.match(summary, /: suite › bad\n {4}TypeError: the reason\n.*\n1 passed, 2 failed, 1 skipped\n$/s);
  });

  test('a file that crashes, hangs, ends early or holds no test fails', async () => {
    const cases: [string, RegExp, number?][] = [
      [`test('x', () => process.kill(process.pid, 'SIGSEGV'));`, /status 139 \(crashed/],
      [`test('x', () => { for (;;); });`, /status 137 \(killed/, 1000],
      [`test('x', () => process.exit(5));`, /status 5/],
      ['', /holds no test/],
      ['syntax error', /status 1/],
    ];
    for (const [text, message, timeoutMs] of cases) {
      const result = await runText(text, timeoutMs);
      assert.deepEqual([result.passed, result.failed], [0, 1], text);
      assert.match(result.failures[0]?.detail ?? '', message);
    }
  });

  describe('with a witness', () => {
    /** Runs a test file whose test fails until it has been run so often. */
    async function runUntil(passesAt: number, objection: string | undefined) {
      const [file, runs] = [join(folder, `until-${passesAt}-${objection}.test.mjs`), join(folder, 'runs')];
      writeFileSync(runs, '');
      writeFileSync(
        file,
        `import assert from 'node:assert/strict';
        import { test } from 'node:test';
        import { appendFileSync, readFileSync } from 'node:fs';
        appendFileSync(${JSON.stringify(runs)}, 'x');
        test('good', () => {});
        test('late', () => assert.ok(readFileSync(${JSON.stringify(runs)}).length >= ${passesAt}));`,
      );
      const witness = { reset: () => {}, objection: () => objection };
      const options = { name: 'inner', files: [file], concurrency: 1, env: {}, timeoutMs: 30_000 };
      const { passed, failed } = await runOnHost({ ...options, witness });
      return { runs: readFileSync(runs).length, passed, failed };
    }

    test('a failure to which it objects is run again, and counts only what the last run gave', async () => {
      assert.deepEqual(await runUntil(2, 'blind'), { runs: 2, passed: 2, failed: 0 });
    });

    test('a failure to which it does not object is final', async () => {
      assert.deepEqual(await runUntil(2, undefined), { runs: 1, passed: 1, failed: 1 });
    });

    test('the third failure is final', async () => {
      assert.deepEqual(await runUntil(4, 'blind'), { runs: 3, passed: 1, failed: 1 });
    });
  });
});
