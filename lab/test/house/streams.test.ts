/** Standard streams are shared with others, so one module of the command deals with them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listSources, readSource } from './tree.js';

const streams = /\bprocess\.(stdin|stdout|stderr)\b|\bconsole\.\w+\(|from 'node:(console|process)'/;
/** A tool of developers, and comments that say why. */
const exceptions = /^packages\/ebpf\/src\/codegen\/main\.ts$/;
const comment = /^\s*(\*|\/\/|\/\*\*)/;

test('only packages/cli/src/output knows the standard streams', () => {
  const found = [...listSources()]
    .filter(([folder]) => folder.startsWith('packages/'))
    .flatMap(([, paths]) => paths)
    .filter((path) => !exceptions.test(path))
    .flatMap((path) =>
      readSource(path).lines.flatMap((line, index) =>
        streams.test(line) && !comment.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
      ),
    );
  assert.deepEqual(found, []);
});
