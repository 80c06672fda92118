/** The list of a release's files is what its sums hold. */

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { attempt, temporaryFolder } from '@weir/lab';
import { artefactNames, writeSums } from '../src/artefacts.js';
import { architectures } from '../src/executable/parts.js';
import { publishedPackages } from '../src/npm/published.js';

const contents = { version: '1.2.3', architectures, packages: publishedPackages() };
const names = artefactNames(contents);

function write(folder: string): void {
  for (const name of names) writeFileSync(join(folder, name), `content of ${name}`);
}

describe('the files of a release', () => {
  test('are the npm packages, archives, system packages of each architecture, image, bill of materials and licences', () => {
    const tarballs = names.filter((name) => name.endsWith('.tgz'));
    assert.equal(tarballs.length, contents.packages.length);
    assert.deepEqual(
      names.filter((name) => !tarballs.includes(name)),
      [
        'THIRD-PARTY-LICENSES.txt',
        'weir-1.2.3-1.aarch64.rpm',
        'weir-1.2.3-1.x86_64.rpm',
        'weir-1.2.3-linux-arm64.tar.gz',
        'weir-1.2.3-linux-x64.tar.gz',
        'weir-1.2.3-oci.tar',
        'weir.cdx.json',
        'weir_1.2.3_amd64.deb',
        'weir_1.2.3_arm64.deb',
      ],
    );
    const one = artefactNames({ ...contents, architectures: ['x64'] });
    assert.deepEqual(
      names.filter((name) => !one.includes(name)),
      names.filter((name) => /arm64|aarch64/.test(name)),
    );
  });

  test('are all in SHA256SUMS, which sha256sum checks, also when it is written again', async () => {
    using folder = temporaryFolder('weir-sums-');
    write(folder.path);
    for (let times = 0; times < 2; times++) {
      await writeSums(folder.path, names);
      const lines = readFileSync(join(folder.path, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
      assert.deepEqual(
        lines.map((line) => line.replace(/^[0-9a-f]{64} {2}/, '')),
        names,
      );
      const check = await attempt('sha256sum', ['--strict', '--quiet', '-c', 'SHA256SUMS'], {
        cwd: folder.path,
      });
      assert.deepEqual([check.status, check.stdout.toString()], [0, '']);
      // As a signature changes a package.
      writeFileSync(join(folder.path, names[1]!), 'signed');
    }
  });

  test('have no sums while one is missing, or one is there that nothing names', async () => {
    using folder = temporaryFolder('weir-sums-');
    write(folder.path);
    rmSync(join(folder.path, names[2]!));
    await assert.rejects(writeSums(folder.path, names), { message: `${folder.path} lacks ${names[2]}` });
    write(folder.path);
    writeFileSync(join(folder.path, 'SHA256SUMS.asc'), '');
    await assert.rejects(writeSums(folder.path, names), /holds what is not of the release: SHA256SUMS\.asc$/);
  });
});
