/**
 * The machine like CentOS 8 in lab/vagrant: its description is valid, and its provisioning runs in a system of its own, with
 * Node.js from a local copy of what nodejs.org has, and packages from this machine's registry.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  createReadStream,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { attempt, repository, run, temporaryFolder } from '@weir/lab';
import { SystemRoot } from './support/system-root.js';

const folder = temporaryFolder('weir-centos8-');
const at = (...parts: string[]) => join(folder.path, ...parts);
after(() => folder[Symbol.dispose]());

test('Vagrant finds its description valid', async () => {
  mkdirSync(at('description'));
  for (const name of ['Vagrantfile', 'provision.sh'])
    copyFileSync(join(repository, 'lab/vagrant', name), at('description', name));
  const { status, stdout, stderr } = await attempt('vagrant', ['validate', '--ignore-provider'], {
    cwd: at('description'),
    env: { ...process.env, VAGRANT_HOME: at('vagrant-home'), VAGRANT_CHECKPOINT_DISABLE: '1' },
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
});

/** Makes what nodejs.org has in its folder of a release, of the Node.js and npm that run here. */
async function nodeRelease(into: string): Promise<void> {
  const name = `node-${process.version}-linux-x64`;
  const tree = at(name);
  mkdirSync(join(tree, 'bin'), { recursive: true });
  copyFileSync(process.execPath, join(tree, 'bin/node'));
  const modules = (await run('npm', ['root', '--global'])).toString().trim();
  cpSync(join(modules, 'npm'), join(tree, 'lib/node_modules/npm'), { recursive: true, dereference: true });
  for (const program of ['npm', 'npx'])
    symlinkSync(`../lib/node_modules/npm/bin/${program}-cli.js`, join(tree, 'bin', program));
  mkdirSync(into);
  const archive = join(into, `${name}.tar.gz`);
  await run('tar', ['-I', 'gzip -1', '-cf', archive, '-C', folder.path, name]);
  const sum = createHash('sha256').update(readFileSync(archive)).digest('hex');
  const others = [`${name}.tar.xz`, `${name.replace('x64', 'arm64')}.tar.gz`].map(
    (other) => `${'0'.repeat(64)}  ${other}`,
  );
  writeFileSync(join(into, 'SHASUMS256.txt'), `${[...others, `${sum}  ${basename(archive)}`].join('\n')}\n`);
}

/** How npm reaches the registry from here, as the environment in which it does so from inside. */
async function registry(root: SystemRoot): Promise<NodeJS.ProcessEnv> {
  for (const file of ['/etc/resolv.conf', '/etc/hosts']) copyFileSync(file, join(root.folder, file));
  const config = JSON.parse((await run('npm', ['config', 'list', '--json'])).toString()) as Record<
    string,
    unknown
  >;
  const env: NodeJS.ProcessEnv = { HOME: '/root', npm_config_registry: String(config.registry) };
  if (typeof config.cafile === 'string') {
    copyFileSync(config.cafile, join(root.folder, 'root/registry.pem'));
    env.npm_config_cafile = '/root/registry.pem';
  }
  return env;
}

describe('provisioning', () => {
  let root: SystemRoot;
  let env: NodeJS.ProcessEnv;
  let requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url!);
    createReadStream(at('releases', basename(request.url!)))
      .on('error', () => response.writeHead(404).end())
      .pipe(response);
  });

  before(async () => {
    await nodeRelease(at('releases'));
    await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
    root = await SystemRoot.create(at('root'));
    const { port } = server.address() as AddressInfo;
    env = { ...(await registry(root)), NODE_RELEASES: `http://127.0.0.1:${port}/v20` };
    mkdirSync(join(root.folder, 'weir'));
    // What the Vagrantfile copies: the checkout, with nothing installed or compiled.
    const copy = 'git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$0"';
    await run('sh', ['-c', copy, join(root.folder, 'weir')], { cwd: repository });
  });
  after(() => server.close());

  const provision = (more: NodeJS.ProcessEnv = {}) =>
    root.shell('/weir/lab/vagrant/provision.sh 2>&1', { env: { ...env, ...more }, network: true });

  test('refuses a Node.js that is not what its sums say', async () => {
    const sums = at('releases/SHASUMS256.txt');
    const right = readFileSync(sums, 'utf8');
    writeFileSync(sums, right.replace(/^\w{64}(.*x64\.tar\.gz)$/m, `${'1'.repeat(64)}$1`));
    const { status, stdout } = await provision();
    writeFileSync(sums, right);
    assert.notEqual(status, 0);
    assert.match(stdout.toString(), /x64\.tar\.gz: FAILED/);
    assert.notEqual((await root.shell('command -v node')).status, 0);
  });

  test('installs Node.js and Weir, and does so again without harm', async () => {
    const first = await provision();
    assert.equal(first.status, 0, first.stdout.toString());
    assert.match(first.stdout.toString(), /^weir trace works here\.$/m);
    const versions = await root.shell('node --version; npm --version >/dev/null && weir --version');
    assert.match(versions.stdout.toString(), new RegExp(`^${process.version}\\n\\d+\\.\\d+\\.\\d+\\n$`));
    requests = [];
    // What is compiled stays, so that the second time takes less.
    const second = await provision({ npm_config_ignore_scripts: 'true' });
    assert.equal(second.status, 0, second.stdout.toString());
    assert.deepEqual(requests, []);
  });
});
