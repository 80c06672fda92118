/** The checkout as guests see it, below `/weir`: compiled code, BPF objects and the packages needed at run time. */

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CpioWriter } from './cpio.js';
import { repository } from './paths.js';

/** The checkout's place in guests. */
export const guestRepository = '/weir';

const dependencies = ['koffi', '@koromix', 'commander'];
const omittedFolders = /(^|\/)(node_modules|vendor|doc)\/$/;
const omittedFiles = /\.(d\.ts|map|tsbuildinfo|md)$/;

function kept(path: string): boolean {
  return path.endsWith('/') ? !omittedFolders.test(path) : !omittedFiles.test(path);
}

/** Packs the checkout as it is now. The archive is removed on disposal. */
export function packProject(): { path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'weir-project-'));
  const path = join(folder, 'project.cpio');
  using writer = new CpioWriter(path);
  const inside = guestRepository.slice(1);
  writer.copy('init', join(repository, 'lab/guest/init'));
  writer.copy(`${inside}/package.json`, join(repository, 'package.json'));
  const packages = readdirSync(join(repository, 'packages')).map((name) => `packages/${name}`);
  for (const part of [...packages, 'lab', 'bench']) {
    writer.tree(`${inside}/${part}`, join(repository, part), kept);
  }
  for (const name of dependencies) {
    writer.tree(`${inside}/node_modules/${name}`, join(repository, 'node_modules', name), kept);
  }
  for (const link of ['@weir', 'weir']) {
    const from = join(repository, 'node_modules', link);
    if (link.startsWith('@')) writer.tree(`${inside}/node_modules/${link}`, from);
    else if (existsSync(from)) writer.symlink(`${inside}/node_modules/${link}`, '../packages/cli');
  }
  writer.finish();
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
