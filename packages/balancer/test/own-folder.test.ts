/** Folders and files that only their owner may change. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ControlServer, type Handlers } from '../src/control/index.js';
import { StateFile } from '../src/control/state-file.js';
import { claimFolder, sharedParent } from '../src/lifecycle/own-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-own-'));
after(() => rmSync(folder, { recursive: true }));
const isRoot = process.getuid?.() === 0;
let number = 0;

/** A folder with a mode. */
function made(mode: number): string {
  const path = join(folder, String(number++));
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

test('folders are created one after another, with their mode', () => {
  const path = join(made(0o755), 'a', 'b');
  claimFolder(path, 0o700);
  claimFolder(path, 0o700);
  assert.equal(lstatSync(path).mode & 0o7777, 0o700);
});

test('a folder below /proc is refused at once', () => {
  assert.throws(() => claimFolder('/proc/weir/a', 0o700), { code: 'ENOENT' });
});

test('folders that others can change, links and files are refused; sticky ones are not', () => {
  const open = made(0o777);
  assert.throws(() => claimFolder(open, 0o700), /may be changed by others, .*: chmod go-w/);
  assert.throws(() => claimFolder(join(open, 'below'), 0o700), /may be changed by others/);
  const sticky = made(0o1777);
  claimFolder(join(sticky, 'below'), 0o700);
  assert.match(sharedParent(join(sticky, 'below'))!, /has mode 1777: all users may create files there/);
  assert.equal(sharedParent(join(made(0o700), 'below')), undefined);
  const link = join(folder, 'link');
  symlinkSync(sticky, link);
  assert.throws(() => claimFolder(link, 0o700), /is no folder/);
  if (!isRoot) return;
  const other = made(0o755);
  chownSync(other, 65_534, 65_534);
  assert.throws(() => claimFolder(join(other, 'below'), 0o700), /belongs to user 65534/);
});

test('a state file of somebody else, or a link, is neither read nor written through', () => {
  const place = made(0o1777);
  const path = join(place, 'state.json');
  const errors: string[] = [];
  const file = new StateFile(path, ({ message }) => errors.push(message));
  const state = { drains: [], globalFlows: [] };
  const victim = join(place, 'victim');
  writeFileSync(victim, 'untouched');
  symlinkSync(victim, `${path}.new`);
  file.write(state);
  assert.deepEqual([file.read(), errors], [state, []]);
  assert.equal(lstatSync(victim).size, 'untouched'.length);
  assert.equal(lstatSync(path).mode & 0o7777, 0o600);
  chmodSync(path, 0o666);
  assert.equal(file.read(), undefined);
  assert.match(errors.pop()!, /others may have written to it/);
  rmSync(path);
  symlinkSync(victim, path);
  assert.equal(file.read(), undefined);
  assert.equal(errors.length, 1);
});

test('a control socket replaces no file and no link', async () => {
  const path = join(made(0o755), 'a.sock');
  writeFileSync(path, '');
  await assert.rejects(ControlServer.listen(path, undefined, {} as Handlers), /is no socket: remove it/);
});
