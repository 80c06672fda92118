import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Bundles, bundleTests, canBeBundled, originalPlaces } from '../src/suite/bundle.js';
import { type TemporaryFolder, temporaryFolder } from '../src/temporary.js';

describe('a bundled test', () => {
  const file = 'lab/dist/test/bundle.test.js';
  let folder: TemporaryFolder;
  let bundles: Bundles;
  let text = '';
  before(async () => {
    folder = temporaryFolder('weir-bundle-test-');
    bundles = { folder: join(folder.path, 'bundles'), maps: join(folder.path, 'maps') };
    await bundleTests([file], bundles);
    text = readFileSync(join(bundles.folder, file), 'utf8');
  });
  after(() => folder[Symbol.dispose]());

  test('holds what it imports of ours, and imports what is not ours', () => {
    assert.match(text, /function temporaryFolder\(/);
    assert.match(text, /from "esbuild"/);
    assert.doesNotMatch(text, /from "\./);
  });

  test('lets modules keep the places that they had', () => {
    assert.match(text, /"file:\/\/\/weir\/lab\/dist\/src\/paths\.js"/);
    assert.doesNotMatch(text, /new URL\([^)]*import\.meta\.url/);
  });

  test('has stacks that name the places in its sources', () => {
    const lines = text.split('\n');
    const line = lines.findIndex((words) => words.includes('function temporaryFolder('));
    const column = lines[line]!.indexOf('temporaryFolder');
    const stack = `at x (file:///weir/${file}:${line + 1}:${column + 1})\nat y (file:///weir/other.js:1:2)`;
    const mapped = originalPlaces(stack, bundles);
    assert.match(
      mapped,
      /^at x \(lab\/src\/temporary\.ts:\d+:17\)\nat y \(file:\/\/\/weir\/other\.js:1:2\)$/,
    );
  });

  test('imports nothing by a computed name', () => {
    const importing = (what: string) => `const { x } = await import${`(${what})`};`;
    assert.ok(canBeBundled(importing("'./x.js'")));
    assert.ok(!canBeBundled(importing('path')));
  });

  test('that cannot be made leaves nothing behind, and the error names the file', async () => {
    const none = { folder: join(folder.path, 'none'), maps: join(folder.path, 'none-maps') };
    await assert.rejects(bundleTests(['lab/dist/test/none.js'], none), /none\.js/);
    assert.ok(!existsSync(none.folder));
  });
});
