/** The executable for arm64 runs on an arm64 kernel, with no Node.js beside it. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BootResult, boot, temporaryFolder } from '@weir/lab';
import { buildExecutable } from '../src/executable/build.js';
import { releaseVersion } from '../src/npm/published.js';

const folder = temporaryFolder('weir-arm64-test-');
after(() => folder[Symbol.dispose]());

/** One guest answers all questions, a section each. */
const script = `
rm /usr/bin/node; export PATH=/opt/weir:$PATH
section() { printf '== %s\\n' "$1"; }
section version; weir --version
section doctor; weir doctor --json
`;

describe('the executable for arm64', () => {
  let result: BootResult;
  let sections: ReadonlyMap<string, string>;

  before(async () => {
    const built = join(folder.path, 'weir');
    await buildExecutable('arm64', built);
    result = await boot({
      kernel: '6.12-arm64',
      memory: 3072,
      timeoutMs: 240_000,
      command: script,
      files: { '/opt/weir': built },
    });
    const parts = result.output.split(/^== (\w+)\n/m);
    sections = new Map(parts.flatMap((name, i) => (i % 2 === 1 ? [[name, parts[i + 1]!]] : [])));
  });

  test('ends well, and says its version', () => {
    assert.equal(result.status, 0, result.output);
    assert.equal(sections.get('version'), `${releaseVersion()}\n`);
  });

  test('tries what the kernel offers, and knows its machine', () => {
    const { kernel } = JSON.parse(sections.get('doctor')!) as {
      kernel: { release: string; machine: string };
    };
    assert.deepEqual([kernel.release, kernel.machine], [result.release, 'arm64']);
  });
});
