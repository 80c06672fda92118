/**
 * Makes everything of a release from the tag of the checkout:
 *
 *     node release/dist/src/main.js [--arch x64,arm64] FOLDER
 */

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { repository, run, temporaryFolder } from '@weir/lab';
import { buildImage } from './container/image.js';
import { buildExecutable } from './executable/build.js';
import { type Architecture, architectures, fetchParts, nodeParts } from './executable/parts.js';
import { thirdPartyLicences } from './inventory/licences.js';
import { cyclonedx } from './inventory/sbom.js';
import { shippedComponents } from './inventory/shipped.js';
import { packAll } from './npm/pack.js';
import { releaseVersion } from './npm/published.js';
import { buildDeb } from './packages/deb.js';
import { buildRpm } from './packages/rpm.js';
import type { TreeSource } from './packages/tree.js';

const say = (line: string) => process.stdout.write(`${line}\n`);
const git = async (...args: string[]) => (await run('git', args, { cwd: repository })).toString().trim();

/** Time of the tagged commit, in seconds. @throws Error unless the checkout is exactly what the tag of its version names. */
async function taggedEpoch(version: string): Promise<number> {
  const tags = (await git('tag', '--points-at', 'HEAD')).split('\n');
  if (!tags.includes(`v${version}`)) {
    throw new Error(
      `the checkout is not at the tag v${version}, the version in packages/cli/package.json: git checkout v${version}`,
    );
  }
  const changed = await git('status', '--porcelain');
  if (changed !== '') throw new Error(`the checkout differs from its tag:\n${changed}`);
  return Number(await git('log', '-1', '--format=%ct'));
}

/** An archive whose bytes follow from what is in it. */
async function archive(parent: string, name: string, into: string, epoch: number): Promise<void> {
  const options = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${epoch}`];
  const tar = join(parent, `${name}.tar`);
  await run('tar', [...options, '-cf', tar, '-C', parent, name]);
  await run('gzip', ['-n9', tar]);
  // The two folders may be on different file systems.
  cpSync(`${tar}.gz`, join(into, `${name}.tar.gz`));
}

/** What is made for one architecture, and into where. */
interface SystemWork {
  readonly version: string;
  readonly epoch: number;
  /** Where the executable is put, which the image is made of later. */
  readonly work: string;
  readonly into: string;
}

async function buildSystem(
  arch: Architecture,
  { version, epoch, work, into }: SystemWork,
): Promise<TreeSource> {
  const name = `weir-${version}-linux-${arch}`;
  const executable = join(work, name);
  say(`${arch}: executable`);
  await buildExecutable(arch, executable);
  await archive(work, name, into, epoch);
  const source = { executable, parts: await fetchParts(arch), arch, version };
  say(`${arch}: Debian and RPM packages`);
  await buildDeb(source, into, { epoch });
  await buildRpm(source, into, { epoch });
  return source;
}

/** The image's layout as one file, which container tools call an OCI archive. */
async function buildImageArchive(
  sources: readonly TreeSource[],
  { version, epoch, work, into }: SystemWork,
): Promise<void> {
  say('container image');
  const layout = join(work, 'image');
  await buildImage(sources, layout, { version, epoch });
  const options = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${epoch}`];
  const target = join(into, `weir-${version}-oci.tar`);
  await run('tar', [...options, '-cf', target, '-C', layout, 'blobs', 'index.json', 'oci-layout']);
}

function writeSums(folder: string): void {
  const lines = readdirSync(folder)
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}  ${name}\n`,
    );
  writeFileSync(join(folder, 'SHA256SUMS'), lines.join(''));
}

function nextSteps(version: string, folder: string): string {
  return `
What a person has to do, in ${folder}:
  1. gpg --armor --detach-sign SHA256SUMS; rpmsign --addsign *.rpm, and then SHA256SUMS anew
  2. npm publish each weir-*.tgz, weir-ebpf first, with --provenance where the build ran in a CI that npm knows
  3. git push origin v${version}, and attach all files to the release of that tag
  4. put the .deb and .rpm into the repositories that users have
  5. skopeo copy --all oci-archive:weir-${version}-oci.tar docker://REGISTRY/weir:${version}, and sign it there`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { arch: { type: 'string' } },
    allowPositionals: true,
  });
  const [target] = positionals;
  const chosen = values.arch?.split(',') ?? architectures;
  const unknown = chosen.find((arch) => !(architectures as readonly string[]).includes(arch));
  if (target === undefined || positionals.length > 1 || unknown !== undefined) {
    process.stderr.write('Usage: node release/dist/src/main.js [--arch x64,arm64] FOLDER\n');
    process.exitCode = 2;
    return;
  }
  const version = releaseVersion();
  const epoch = await taggedEpoch(version);
  const folder = resolve(target);
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty: name another`);
  const unfinished = join(folder, 'unfinished');
  mkdirSync(unfinished);
  say('npm packages');
  await packAll(unfinished);
  const components = shippedComponents();
  const nodes = Object.values(nodeParts).map(({ name, version: ofNode }) => ({
    name,
    version: ofNode,
    license: 'MIT',
    purl: `pkg:npm/${name}@${ofNode}`,
  }));
  writeFileSync(
    join(unfinished, 'weir.cdx.json'),
    cyclonedx({ name: 'weir', version, epoch }, components, nodes),
  );
  writeFileSync(join(unfinished, 'THIRD-PARTY-LICENSES.txt'), thirdPartyLicences(components));
  using temporary = temporaryFolder('weir-release-');
  const work = { version, epoch, work: temporary.path, into: unfinished };
  const sources: TreeSource[] = [];
  for (const arch of chosen as Architecture[]) sources.push(await buildSystem(arch, work));
  await buildImageArchive(sources, work);
  writeSums(unfinished);
  for (const name of readdirSync(unfinished)) renameSync(join(unfinished, name), join(folder, name));
  rmSync(unfinished, { recursive: true });
  say(nextSteps(version, folder));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`release: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
