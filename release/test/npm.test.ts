/** What npm would publish is complete, and works where nothing else is. */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { attempt, repository, run, temporaryFolder } from '@weir/lab';
import { publint } from 'publint';
import { packageUrl } from '../src/inventory/sbom.js';
import { shippedComponents } from '../src/inventory/shipped.js';
import { packAll } from '../src/npm/pack.js';
import { publishedPackages } from '../src/npm/published.js';

const folder = temporaryFolder('weir-npm-');
const packages = publishedPackages();
let tarballs: Map<string, string>;

before(async () => {
  tarballs = await packAll(join(folder.path, 'tarballs'));
});
after(() => folder[Symbol.dispose]());

async function filesIn(tarball: string): Promise<string[]> {
  const listed = (await run('tar', ['-tzf', tarball])).toString().trim().split('\n');
  return listed.map((path) => path.replace(/^package\//, ''));
}

describe('npm packages', () => {
  test('hold no path of the machine that built them', async () => {
    const unpacked = join(folder.path, 'unpacked');
    for (const [name, tarball] of tarballs) {
      const into = join(unpacked, name);
      mkdirSync(into, { recursive: true });
      await run('tar', ['-xzf', tarball, '-C', into]);
    }
    const { status, stdout } = await attempt('grep', ['-rlF', join(repository, 'packages'), unpacked]);
    assert.deepEqual([status, stdout.toString()], [1, '']);
  });

  for (const { folder: source, manifest } of packages) {
    const { name } = manifest;

    test(`${name} says what it is, where it comes from, and that it is public`, () => {
      assert.ok((manifest.description?.length ?? 0) > 20);
      assert.equal(manifest.license, 'Apache-2.0');
      assert.ok((manifest.keywords?.length ?? 0) >= 4);
      // Provenance compares the repository with the one that the build ran in.
      assert.equal(manifest.repository?.directory, source);
      assert.equal(manifest.repository?.type, 'git');
      assert.ok(manifest.bugs?.url && manifest.homepage);
      assert.match(manifest.engines?.node ?? '', /^>=\d+$/);
      // A scope is private otherwise.
      assert.equal(manifest.publishConfig?.access, 'public');
    });

    test(`${name} depends on exact versions, and on its own packages in the same version`, () => {
      for (const [dependency, version] of Object.entries(manifest.dependencies ?? {})) {
        assert.match(version, /^\d/, dependency);
        if (dependency.startsWith('@weir/')) assert.equal(version, manifest.version, dependency);
      }
    });

    test(`${name} brings its README, its licence, and no tests`, async () => {
      const files = await filesIn(tarballs.get(name)!);
      assert.ok(files.includes('README.md') && files.includes('LICENSE'), files.join(' '));
      assert.deepEqual(
        files.filter((file) => /(^|\/)test\/|\.tsbuildinfo$|node_modules/.test(file)),
        [],
      );
    });

    test(`the README of ${name} stands alone: its links stay in the package, its imports are exported`, async () => {
      const text = readFileSync(join(repository, source, 'README.md'), 'utf8');
      assert.match(text, new RegExp(`^# ${name}\n`));
      const files = await filesIn(tarballs.get(name)!);
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target!);
      assert.deepEqual(
        links.filter((target) => !files.includes(target)),
        [],
      );
      const imports = [...text.matchAll(new RegExp(`from '${name}(/[\\w/-]+)?'`, 'g'))];
      for (const [statement, path] of imports) {
        assert.ok(`.${path ?? ''}` in (manifest.exports ?? {}), statement);
      }
    });

    test(`${name} passes publint`, async () => {
      const data = readFileSync(tarballs.get(name)!);
      const pack = {
        tarball: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) as ArrayBuffer,
      };
      const { messages } = await publint({ pack, strict: true });
      // A shell starts the command, and then Node.js: publint knows lines that name Node.js only.
      const isShell = readFileSync(join(repository, 'packages/cli/bin/weir.js'), 'utf8').startsWith(
        '#!/bin/sh\n',
      );
      const left = messages.filter(
        ({ code }) => !(code === 'BIN_FILE_NOT_EXECUTABLE' && name === '@weir/cli' && isShell),
      );
      assert.deepEqual(left, []);
    });
  }

  test('types resolve for those who import the packages', async () => {
    const libraries = packages.filter(({ manifest }) =>
      Object.keys(manifest.exports ?? {}).some((path) => path !== './package.json'),
    );
    assert.ok(libraries.length >= 6);
    for (const { manifest } of libraries) {
      const tarball = createPackageFromTarballData(readFileSync(tarballs.get(manifest.name)!));
      const result = await checkPackage(tarball);
      assert.ok(result.types !== false, `${manifest.name} has no types`);
      // Modules alone are what the packages are, for resolution as Node.js 16 and later have it.
      const left = result.problems.filter(
        (problem) =>
          !('resolutionKind' in problem && /^(node10|node16-cjs)$/.test(problem.resolutionKind)) &&
          // What `require` gives on versions that cannot require modules has the types of the modules.
          !(
            'implementationFileName' in problem &&
            problem.implementationFileName.endsWith('/dist/cjs/index.cjs')
          ),
      );
      assert.deepEqual(left, [], manifest.name);
    }
  });

  describe('installed into an empty folder', () => {
    const home = join(folder.path, 'installed');
    const weir = (...args: string[]) => attempt(join(home, 'node_modules/.bin/weir'), args, { cwd: home });

    before(async () => {
      mkdirSync(home);
      writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n');
      const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs.values()];
      await run('npm', args, { cwd: home });
    });

    test('the command has its version, its help and its scripts', async () => {
      const version = packages.find(({ manifest }) => manifest.name === '@weir/cli')!.manifest.version;
      assert.equal((await weir('--version')).stdout.toString().trim(), version);
      assert.match((await weir('trace', '--help')).stdout.toString(), /--json/);
      assert.match((await weir('completion', 'bash')).stdout.toString(), /complete /);
    });

    test('whatever npm has installed is in the bill of materials', () => {
      const lock = JSON.parse(readFileSync(join(home, 'node_modules/.package-lock.json'), 'utf8')) as {
        packages: Record<string, { version: string }>;
      };
      const purls = new Set(shippedComponents().map(packageUrl));
      const installed = Object.entries(lock.packages).map(([path, { version }]) =>
        packageUrl({ name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), version }),
      );
      assert.ok(installed.length > 30);
      assert.deepEqual(
        installed.filter((purl) => !purls.has(purl)),
        [],
      );
    });

    test('the command looks at this kernel, with the native library of koffi', async () => {
      const { status, stdout, stderr } = await weir('doctor', '--json');
      assert.equal(stderr, '');
      assert.ok(status === 0 || status === 1, `status ${status}`);
      assert.ok('kernel' in (JSON.parse(stdout.toString()) as object));
    });

    test('the command checks a configuration of a balancer', async () => {
      writeFileSync(join(home, 'balance.yaml'), 'interface: lo\nvips: 7\n');
      const { status, stderr } = await weir('balance', 'check', 'balance.yaml');
      assert.equal(status, 2);
      assert.match(stderr, /balance\.yaml:2:/);
    });

    test('every export can be imported, and the history opens its database', async () => {
      const imports = packages.flatMap(({ manifest }) =>
        Object.keys(manifest.exports ?? {})
          .filter((path) => !/\*|\.json$/.test(path))
          .map((path) => `${manifest.name}${path.slice(1)}`),
      );
      assert.ok(imports.length > 20);
      const script = `
        for (const name of ${JSON.stringify(imports)}) await import(name);
        const { DuckDBInstance } = await import('@duckdb/node-api');
        const connection = await (await DuckDBInstance.create(':memory:')).connect();
        console.log(String((await connection.runAndReadAll('select 6 * 7')).getRows()[0][0]));`;
      const { status, stdout, stderr } = await attempt(
        process.execPath,
        ['--input-type=module', '-e', script],
        {
          cwd: home,
        },
      );
      assert.equal(status, 0, stderr);
      assert.equal(stdout.toString().trim(), '42');
    });
  });
});
