/** Puts the executable together, as Node.js' documentation of single executable applications has it. */

import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arch as ownArchitecture } from 'node:process';
import { fileURLToPath } from 'node:url';
import { repository, run, temporaryFolder } from '@weir/lab';
import { inject } from 'postject';
import { thirdPartyLicences } from '../inventory/licences.js';
import { shippedComponents } from '../inventory/shipped.js';
import { bundleMain, bundleScripts } from './bundle.js';
import { type Architecture, fetchParts, type Parts } from './parts.js';

/** The marker in Node.js that says whether there is an application in it. */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Names of what lies beside the executable. */
export const besideNames = ['duckdb.node', 'libduckdb.so', 'LICENSE', 'THIRD-PARTY-LICENSES.txt'] as const;

/** Licences of everything in the executable and beside it. */
function licences(parts: Parts): string {
  const nodeText = readFileSync(parts.nodeLicence, 'utf8').trim();
  return thirdPartyLicences(shippedComponents(), [
    { title: `Node.js ${parts.nodeVersion} (MIT)`, text: nodeText },
  ]);
}

/** Files of our packages that are read at run time, by the path that they would have in node_modules. */
function packageFiles(): Map<string, string> {
  const listed = (folder: string, wanted: RegExp) =>
    readdirSync(join(repository, folder))
      .filter((name) => wanted.test(name))
      .sort()
      .map((name): [string, string] => [
        `${folder.replace('packages/', '@weir/')}/${name}`,
        join(repository, folder, name),
      ]);
  return new Map([
    ...listed('packages/tracer/bpf', /\.bpf\.o$/),
    ...listed('packages/balancer/bpf', /\.bpf\.o$/),
    ...listed('packages/web/dist/page', /./),
    ...listed('packages/cli', /^package\.json$/),
  ]);
}

interface Work {
  readonly folder: string;
  readonly parts: Parts;
  readonly arch: Architecture;
}

/** Scripts, their compiled code, and files, as assets by name. */
async function assets({ folder, parts, arch }: Work): Promise<Record<string, string>> {
  const found = packageFiles();
  found.set('native/koffi.node', parts.koffi);
  const scripts = await bundleScripts();
  for (const [name, script] of scripts) {
    const path = join(folder, `${name}.cjs`);
    writeFileSync(path, script);
    found.set(`${name}.cjs`, path);
  }
  // Code of another architecture needs its Node.js: without it, the executable compiles at each start.
  if (arch === ownArchitecture) {
    const compiler = fileURLToPath(new URL('compile.js', import.meta.url));
    const names = [...scripts.keys()].map((name) => `${name}.cjs`);
    await run(parts.node, ['--hash-seed=1', compiler, ...names], { cwd: folder });
    for (const name of scripts.keys()) found.set(`${name}.code`, join(folder, `${name}.code`));
  }
  found.set('THIRD-PARTY-LICENSES.txt', join(folder, 'THIRD-PARTY-LICENSES.txt'));
  writeFileSync(found.get('THIRD-PARTY-LICENSES.txt')!, licences(parts));
  // start.ts reads those that are named here, and scripts by their names alone.
  const names = [...found.keys(), 'import-main.js'].map((name) =>
    name === 'import-main.js' ? '@weir/cli/dist/bundle/import-main.js' : name,
  );
  found.set('@weir/cli/dist/bundle/import-main.js', join(folder, 'import-main.cjs'));
  found.set('index.json', join(folder, 'index.json'));
  writeFileSync(found.get('index.json')!, JSON.stringify(names));
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function blob(work: Work): Promise<Buffer> {
  const { folder } = work;
  const config = {
    // The path of the script is in the executable: a name alone is the same in every folder.
    main: 'main.cjs',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: false,
    // NODE_OPTIONS of a user is about other programs.
    execArgvExtension: 'none',
    assets: await assets(work),
  };
  writeFileSync(join(folder, config.main), await bundleMain());
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  // The blob is the same for every architecture, and has to be made by a Node.js that runs here.
  const { node } =
    work.arch === ownArchitecture ? work.parts : await fetchParts(ownArchitecture as Architecture);
  await run(node, ['--experimental-sea-config', 'config.json'], { cwd: folder });
  return readFileSync(join(folder, config.output));
}

/**
 * Writes `weir` and what belongs beside it into a folder. The same sources give the same bytes.
 *
 * @throws Error if a part cannot be fetched, or is not what is expected.
 */
export async function buildExecutable(arch: Architecture, into: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  const parts = await fetchParts(arch);
  using temporary = temporaryFolder('weir-executable-');
  const data = await blob({ folder: temporary.path, parts, arch });
  const path = join(into, 'weir');
  copyFileSync(parts.node, path);
  chmodSync(path, 0o755);
  await inject(path, 'NODE_SEA_BLOB', data, { sentinelFuse: fuse });
  copyFileSync(parts.duckdb, join(into, 'duckdb.node'));
  copyFileSync(parts.duckdbLibrary, join(into, 'libduckdb.so'));
  copyFileSync(join(repository, 'LICENSE'), join(into, 'LICENSE'));
  writeFileSync(join(into, 'THIRD-PARTY-LICENSES.txt'), licences(parts));
  for (const name of besideNames) chmodSync(join(into, name), 0o644);
}
