/** The shape of the tree: names by which a file is found, and folders small enough to be read. */

import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { baseName, listSources } from './tree.js';

const mostLooseFiles = 12;

describe('the tree', () => {
  for (const [folder, paths] of listSources()) {
    test(`${folder}/src has each base name once, index.ts aside`, () => {
      const names = paths.map(baseName).filter((name) => name !== 'index');
      const twice = paths.filter((path) => names.filter((name) => name === baseName(path)).length > 1);
      assert.deepEqual(twice, []);
    });

    test(`${folder}/src has at most ${mostLooseFiles} files beside its folders`, () => {
      const loose = paths.filter((path) => dirname(path) === `${folder}/src`);
      assert.ok(
        loose.length <= mostLooseFiles,
        `${loose.length} files: move some to a folder of their concern`,
      );
    });
  }
});
