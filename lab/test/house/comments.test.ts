/** Comments are sentences of subject, verb and object. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listReadings } from './tree.js';

/** A comment, or a sentence inside one, that has to be read twice before its subject is known. */
const bareOpener = /(?:^\s*(?:\/\*\*?|\*|\/\/)|[.:;] |\/\*\*? |\/\/ )\s*(?:Of|Those|Whom|What of) /;

test('no comment or sentence of one opens with a bare "Of", "Those", "Whom" or "What of"', () => {
  const found = listReadings()
    .filter(({ path }) => /\.(ts|tsx|js|c|h)$/.test(path))
    .flatMap(({ path, lines }) =>
      lines.flatMap((line, index) => (bareOpener.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );
  assert.equal(found.join('\n'), '');
});
