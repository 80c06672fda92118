/** Pages point to files that are there. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { repository } from '../../src/paths.js';
import { listReadings, packageFolders, readSource } from './tree.js';

const link = /\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g;
/** From packages on npm, which have no other folders beside them. */
const linkFromAnywhere = /\]\(https:\/\/github\.com\/weir-net\/weir\/blob\/main\/([^)#\s]+)/g;
/** A path from the checkout's root. Compiled files and patterns are left out. */
const rootPath = /(?<![\w./:-])(?:packages|lab|bench|docs|examples|release)\/[\w./-]*\.[a-z0-9]+\b(?![*/])/g;

describe('pages', () => {
  const pages = listReadings().filter(({ path }) => path.endsWith('.md'));

  test('link to files that are there', () => {
    const broken = pages.flatMap(({ path, lines }) =>
      [...lines.join('\n').matchAll(link)]
        .map(([, target]) => target!)
        .filter((target) => !existsSync(join(repository, dirname(path), target)))
        .map((target) => `${path}: ${target}`),
    );
    assert.deepEqual(broken, []);
    const gone = pages.flatMap(({ path, lines }) =>
      [...lines.join('\n').matchAll(linkFromAnywhere)]
        .filter(([, target]) => !existsSync(join(repository, target!)))
        .map(([, target]) => `${path}: ${target}`),
    );
    assert.deepEqual(gone, []);
  });

  test('name files by paths that are there', () => {
    const missing = pages.flatMap(({ path, lines }) =>
      [...lines.join('\n').matchAll(rootPath)]
        .map(([target]) => target)
        .filter((target) => !/\/dist\/|[A-Z]{3,}/.test(target) && !existsSync(join(repository, target)))
        .map((target) => `${path}: ${target}`),
    );
    assert.deepEqual(missing, []);
  });

  test('answer the ten questions of docs/architecture.md with files that are there', () => {
    const { lines } = readSource('docs/architecture.md');
    const rows = lines.filter((line) => /^\| .*\? \|/.test(line));
    assert.equal(rows.length, 10);
    for (const row of rows) {
      const [file] = row.match(rootPath) ?? [];
      assert.ok(file !== undefined && existsSync(join(repository, file)), row);
    }
  });

  for (const folder of packageFolders) {
    test(`${folder}/README.md links to nothing outside of its package but by a whole address`, () => {
      const text = readSource(`${folder}/README.md`).lines.join('\n');
      const outside = [...text.matchAll(link)].filter(([, target]) => target!.startsWith('..'));
      assert.deepEqual(
        outside.map(([, target]) => target),
        [],
      );
    });

    test(`${folder}/README.md names every folder of src`, () => {
      const text = readSource(`${folder}/README.md`).lines.join('\n');
      const folders = readdirSync(join(repository, folder, 'src'), { withFileTypes: true })
        // Git leaves empty folders behind where files were moved.
        .filter(
          (entry) =>
            entry.isDirectory() && readdirSync(join(repository, folder, 'src', entry.name)).length > 0,
        )
        .map(({ name }) => name);
      assert.deepEqual(
        folders.filter((name) => !text.includes(`src/${name}/`)),
        [],
      );
    });
  }
});
