/** The same files have the same modes in an archive, whatever umask they were made with. */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { run, temporaryFolder } from '@weir/lab';
import { withPlainModes } from '../src/npm/tar-modes.js';

describe('modes in a tar archive', () => {
  test('are the same whatever the umask, and tar reads the archive', async () => {
    using folder = temporaryFolder('weir-modes-');
    const parent = join(folder.path, 'package');
    // A name of more than a header holds has one of its own.
    const names = ['program', 'text', 'n'.repeat(180)];
    mkdirSync(parent);
    for (const name of names) writeFileSync(join(parent, name), name.repeat(200));
    const archiveWith = async (umask: number) => {
      for (const name of names) chmodSync(join(parent, name), (name === 'program' ? 0o777 : 0o666) & ~umask);
      const options = [
        '--format=pax',
        '--sort=name',
        '--mtime=@0',
        '--pax-option=exthdr.name=x,delete=atime,delete=ctime',
      ];
      return withPlainModes(await run('tar', [...options, '-c', ...names], { cwd: parent }));
    };
    const archive = await archiveWith(0o022);
    assert.ok(archive.equals(await archiveWith(0o077)));
    const file = join(folder.path, 'archive.tar');
    writeFileSync(file, archive);
    const listed = (await run('tar', ['-tvf', file])).toString().trim().split('\n');
    assert.deepEqual(
      listed.map((line) => line.slice(0, 10)),
      ['-rwxr-xr-x', '-rw-r--r--', '-rw-r--r--'],
    );
  });

  test('are not looked for in what is no archive', () => {
    assert.throws(() => withPlainModes(Buffer.alloc(1024, 'x')), /no header of a tar archive at byte 0/);
  });
});
