/** `weir serve token`, as a command of its own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readTokens, serverPlaces } from '@weir/server';
import { servePaths } from '@weir/server/serve';
import { onlyLine, runWeir } from './support/command.js';

let folder = '';
beforeEach(() => {
  const outer = mkdtempSync(join(tmpdir(), 'weir-token-'));
  chmodSync(outer, 0o755);
  folder = join(outer, 'weir');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const places = () => serverPlaces(servePaths(folder).server);
const token = (...args: string[]) => runWeir(['serve', 'token', ...args, '--folder', folder]);

async function refused(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await token(...args);
  assert.deepEqual([status, stdout], [2, ''], stderr);
  return onlyLine(stderr);
}

describe('weir serve token', () => {
  it('prints a token once, keeps its hash for the server alone, and writes to the audit log', async () => {
    const { status, stdout, stderr } = await token('add', 'ops', '--role', 'admin', '--expires', '90d');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^weir_[\w-]{43}\n$/);
    const text = readFileSync(places().tokens, 'utf8');
    assert.ok(!text.includes(stdout.trim()));
    assert.ok(text.includes(createHash('sha256').update(stdout.trim()).digest('hex')));
    const owner = statSync(servePaths(folder).server);
    for (const file of [places().tokens, places().audit]) {
      const { mode, uid, gid } = statSync(file);
      assert.deepEqual([mode & 0o777, uid, gid], [0o600, owner.uid, owner.gid], file);
    }
    assert.ok(process.getuid?.() !== 0 || owner.uid !== 0, 'the server is not root');
    const entry = JSON.parse(readFileSync(places().audit, 'utf8')) as Record<string, string>;
    assert.deepEqual([entry.event, entry.detail], ['token_added', 'ops (admin)']);
    assert.ok(entry.principal);
  });

  it('lists tokens without their hashes, and removes them', async () => {
    await token('add', 'a');
    await token('add', 'b', '--role', 'sql', '--expires', '2099-01-01T00:00:00Z');
    const text = await token('list');
    assert.match(
      text.stdout,
      /^NAME +ROLE +CREATED +EXPIRES\na +read .* never\nb +sql .* 2099-01-01 00:00Z\n$/,
    );
    const objects = (await token('list', '--json')).stdout.trim().split('\n');
    assert.deepEqual(
      objects.map((line) => Object.keys(JSON.parse(line))),
      [
        ['name', 'role', 'created'],
        ['name', 'role', 'created', 'expires'],
      ],
    );
    assert.equal((await token('remove', 'a')).status, 0);
    assert.deepEqual(
      readTokens(places().tokens).map(({ name }) => name),
      ['b'],
    );
    assert.match(readFileSync(places().audit, 'utf8'), /"token_removed".*"detail":"a"/);
  });

  it('that is run many times at once loses no token', async () => {
    await token('add', 'first');
    const names = Array.from({ length: 6 }, (_, index) => `t${index}`);
    const added = await Promise.all(names.map((name) => token('add', name)));
    assert.deepEqual(
      [...new Set(added.map(({ stderr, status }) => status || stderr.includes('again')))],
      [false],
    );
    assert.equal(readTokens(places().tokens).length, 7);
  });

  it('means the folder that is named before it, too', async () => {
    const { status, stderr } = await runWeir(['serve', '--folder', folder, 'token', 'add', 'a']);
    assert.equal(status, 0, stderr);
    assert.equal(readTokens(places().tokens).length, 1);
  });

  it('refuses in one line what makes no sense', async () => {
    await token('add', 'a');
    assert.match(await refused('add', 'a'), /there is a token a already/);
    assert.match(await refused('add', 'a b'), /a name has letters/);
    assert.match(await refused('add', 'c', '--role', 'root'), /Allowed choices are read, sql, admin/);
    assert.match(await refused('add', 'c', '--expires', 'soon'), /--expires: "soon" is no time/);
    assert.match(await refused('add', 'c', '--expires', '2001-01-01'), /has passed/);
    assert.match(await refused('add', 'c', '--expires', '1000y'), /--expires: expected an age/);
    assert.match(await refused('remove', 'z'), /there is no token z/);
    assert.match(await refused('add'), /missing required argument/);
  });

  it('makes a folder only to add a token to it', async () => {
    assert.match(await refused('list'), /is no folder of weir serve: --folder names another/);
    assert.match(await refused('remove', 'a'), /is no folder of weir serve/);
    assert.match(await refused('add', '../a'), /a name has letters/);
    assert.ok(!existsSync(folder));
    writeFileSync(folder, '');
    assert.match(await refused('add', 'a'), /is no folder, nor can one be made there/);
    folder = join(folder, 'below');
    assert.match(await refused('add', 'a'), /is no folder, nor can one be made there/);
    folder = join(folder, '..');
  });

  it('follows no link of the server as root', async () => {
    await token('add', 'a');
    const secret = join(folder, '..', 'secret');
    writeFileSync(secret, 'a line of root', { mode: 0o600 });
    rmSync(places().tokens);
    symlinkSync(secret, places().tokens);
    assert.ok(!(await refused('list')).includes('line of root'));
    rmSync(places().audit);
    symlinkSync(secret, places().audit);
    rmSync(places().tokens);
    assert.notEqual((await token('add', 'b')).status, 0);
    assert.equal(readFileSync(secret, 'utf8'), 'a line of root');
  });
});
