/**
 * Makes everything of a release from the tag of the checkout:
 *
 *     node release/dist/src/main.js [--arch x64,arm64] FOLDER
 */

import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitOnSignals, repository, run, temporaryFolder } from '@weir/lab';
import {
  archiveName,
  artefactNames,
  imageName,
  licencesName,
  sbomName,
  sumsName,
  writeSums,
} from './artefacts.js';
import { runCompressor } from './compress.js';
import { buildImage } from './container/image.js';
import { buildExecutable } from './executable/build.js';
import { type Architecture, architectures, fetchParts, nodeParts } from './executable/parts.js';
import { thirdPartyLicences } from './inventory/licences.js';
import { cyclonedx } from './inventory/sbom.js';
import { shippedComponents } from './inventory/shipped.js';
import { packAll } from './npm/pack.js';
import { publishedPackages, releaseVersion } from './npm/published.js';
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

/** Has tar write what follows from the names and contents of files, whoever makes it and when. */
const tarOptions = (epoch: number): string[] => [
  ...['--sort=name', '--owner=0', '--group=0', '--numeric-owner'],
  ...['--mode=u=rwX,go=rX', `--mtime=@${epoch}`],
];

async function archive(parent: string, name: string, into: string, epoch: number): Promise<void> {
  const tar = join(parent, `${name}.tar`);
  await run('tar', [...tarOptions(epoch), '-cf', tar, '-C', parent, name]);
  await runCompressor('gzip', ['-n9', tar]);
  // The two folders may be on different file systems.
  cpSync(`${tar}.gz`, join(into, `${name}.tar.gz`));
}

/** What is made, and into where. */
interface SystemWork {
  readonly version: string;
  /** Seconds since 1970, the time of all files. */
  readonly epoch: number;
  /** Where executables are put, of which the packages and the image are made. */
  readonly work: string;
  readonly into: string;
}

async function buildSource(arch: Architecture, { version, work }: SystemWork): Promise<TreeSource> {
  say(`${arch}: executable`);
  const executable = join(work, archiveName(version, arch));
  await buildExecutable(arch, executable);
  return { executable, parts: await fetchParts(arch), arch, version };
}

/** Compresses all of it at once, as each takes minutes and most of them one processor. */
async function buildPackages(sources: readonly TreeSource[], system: SystemWork): Promise<void> {
  const { version, epoch, work, into } = system;
  const made = async (what: string, making: Promise<unknown>): Promise<void> => {
    await making;
    say(what);
  };
  await Promise.all([
    ...sources.flatMap((source) => [
      made(`${source.arch}: archive`, archive(work, archiveName(version, source.arch), into, epoch)),
      made(`${source.arch}: Debian package`, buildDeb(source, into, { epoch })),
      made(`${source.arch}: RPM package`, buildRpm(source, into, { epoch })),
    ]),
    made('container image', buildImageArchive(sources, system)),
  ]);
}

/** The image's layout as one file, which container tools call an OCI archive. */
async function buildImageArchive(
  sources: readonly TreeSource[],
  { version, epoch, work, into }: SystemWork,
): Promise<void> {
  const layout = join(work, 'image');
  await buildImage(sources, layout, { version, epoch });
  const target = join(into, imageName(version));
  await run('tar', [...tarOptions(epoch), '-cf', target, '-C', layout, 'blobs', 'index.json', 'oci-layout']);
}

/** Names of the published packages, each behind those that it depends on. */
function publishingOrder(): string[] {
  const { workspaces } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    workspaces: string[];
  };
  return publishedPackages()
    .sort((a, b) => workspaces.indexOf(a.folder) - workspaces.indexOf(b.folder))
    .map(({ manifest }) => manifest.name.replace('@weir/', ''));
}

function nextSteps(version: string, folder: string): string {
  return `
What a person has to do, in ${folder}:
  1. rpmsign --addsign *.rpm, and as that changes them: sha256sum weir* ${licencesName} >${sumsName}
  2. gpg --armor --detach-sign ${sumsName}
  3. npm publish ./weir-NAME-${version}.tgz of ${publishingOrder().join(', ')}, in this order;
     with --provenance where the build ran in a CI that npm knows
  4. git push origin v${version}, and attach all files to the release of that tag
  5. put the .deb and .rpm into the repositories that users have
  6. skopeo copy --all oci-archive:${imageName(version)} docker://REGISTRY/weir:${version}, and sign it there`;
}

/** What the release is made of, and into where. */
interface Release {
  readonly version: string;
  /** Seconds since 1970, the time of all files. */
  readonly epoch: number;
  readonly architectures: readonly Architecture[];
  readonly into: string;
}

function writeInventory({ version, epoch, into }: Release): void {
  const components = shippedComponents();
  const nodes = Object.values(nodeParts).map(({ name, version: ofNode }) => ({
    name,
    version: ofNode,
    license: 'MIT',
    purl: `pkg:npm/${name}@${ofNode}`,
  }));
  writeFileSync(join(into, sbomName), cyclonedx({ name: 'weir', version, epoch }, components, nodes));
  writeFileSync(join(into, licencesName), thirdPartyLicences(components));
}

async function buildAll(release: Release): Promise<void> {
  const { version, epoch, into } = release;
  say('npm packages');
  await packAll(into);
  writeInventory(release);
  using temporary = temporaryFolder('weir-release-');
  const work = { version, epoch, work: temporary.path, into };
  const sources: TreeSource[] = [];
  for (const arch of release.architectures) sources.push(await buildSource(arch, work));
  await buildPackages(sources, work);
  await writeSums(into, artefactNames({ ...release, packages: publishedPackages() }));
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
  // What is in the folder is whole: files come into it only once all are made.
  const unfinished = join(folder, 'unfinished');
  mkdirSync(unfinished);
  process.once('exit', () => rmSync(unfinished, { recursive: true, force: true }));
  await buildAll({ version, epoch, architectures: chosen as Architecture[], into: unfinished });
  for (const name of readdirSync(unfinished)) renameSync(join(unfinished, name), join(folder, name));
  say(nextSteps(version, folder));
}

exitOnSignals();
try {
  await main();
} catch (error) {
  process.stderr.write(`release: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
