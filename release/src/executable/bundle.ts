/** The scripts of the executable: whole, with the packages of others in them. */

import { join } from 'node:path';
import { repository } from '@weir/lab';
import { build, type Plugin } from 'esbuild';

const inside = (name: string) => join(repository, `release/dist/src/executable/inside/${name}.js`);

/** Modules that read files of their package, start a thread from one, or load packages by name, and what they get in the place of Node.js' own. */
const replacements: readonly { readonly importer: RegExp; readonly module: string; readonly by: string }[] = [
  { importer: /packages\/tracer\/dist\/src\/objects\.js$/, module: 'node:fs', by: 'file-system' },
  { importer: /packages\/balancer\/dist\/src\/datapath\/objects\.js$/, module: 'node:fs', by: 'file-system' },
  {
    importer: /packages\/server\/dist\/src\/handover\/programs-digest\.js$/,
    module: 'node:fs',
    by: 'file-system',
  },
  {
    importer: /packages\/server\/dist\/src\/imports\/imported-histories\.js$/,
    module: 'node:fs',
    by: 'file-system',
  },
  {
    importer: /packages\/balancer\/dist\/src\/datapath\/rings\/ring-thread\.js$/,
    module: 'node:worker_threads',
    by: 'worker-threads',
  },
  { importer: /packages\/cli\/dist\/src\/version\.js$/, module: 'node:fs', by: 'file-system' },
  {
    importer: /packages\/server\/dist\/src\/page\/page-files\.js$/,
    module: 'node:fs/promises',
    by: 'file-promises',
  },
  { importer: /packages\/cli\/dist\/src\/commander\.js$/, module: 'node:module', by: 'modules' },
  { importer: /packages\/ebpf\/dist\/src\/sys\/ffi\.js$/, module: 'node:module', by: 'modules' },
  { importer: /packages\/ebpf\/dist\/src\/address\/address\.js$/, module: 'node:module', by: 'modules' },
];

/** What must not be missed: a module that is elsewhere than before would read a disk that has nothing. */
export type Used = Set<(typeof replacements)[number]>;

function replaceModules(used: Used): Plugin {
  return {
    name: 'inside-the-executable',
    setup(builder) {
      builder.onResolve(
        { filter: /^node:(fs|fs\/promises|module|worker_threads)$/ },
        ({ path, importer }) => {
          const found = replacements.find((each) => each.module === path && each.importer.test(importer));
          if (found === undefined) return undefined;
          used.add(found);
          return { path: inside(found.by) };
        },
      );
      builder.onResolve({ filter: /\.node$/ }, ({ path }) => ({ path, namespace: 'native' }));
      builder.onLoad({ filter: /./, namespace: 'native' }, ({ path }) => ({
        resolveDir: repository,
        contents: `module.exports = require(${JSON.stringify(inside('native'))}).loadNative(${JSON.stringify(path.slice(path.lastIndexOf('/') + 1))});`,
      }));
    },
  };
}

/** As bin/compiled-bundle.js has them. */
const PARAMETERS = ['require', 'importModule', 'moduleUrl', 'resolveModule'];

const shared = {
  absWorkingDir: repository,
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minifyWhitespace: true,
  minifySyntax: true,
  // They are in THIRD-PARTY-LICENSES.txt.
  legalComments: 'none',
  logLevel: 'error',
} as const;

async function bundleScript(entry: string, used: Used): Promise<Buffer> {
  const result = await build({
    ...shared,
    entryPoints: [join(repository, entry)],
    // The entry of all commands runs where it is needed.
    external: entry === entries['entry-point'] ? [] : ['*/peer-networks.js'],
    define: { 'import.meta.url': 'moduleUrl', 'import.meta.resolve': 'resolveModule' },
    plugins: [replaceModules(used)],
  });
  // A script has no import() of its own.
  const text = result.outputFiles[0]!.text.replaceAll(/\bimport\(/g, 'importModule(');
  const other = /.{0,20}[\u0080-\uffff].{0,20}/.exec(text);
  if (other !== null) throw new Error(`${entry}: a character is not ASCII: ${other[0]}`);
  return Buffer.from(`(function(${PARAMETERS}){${text}\n})\n`, 'latin1');
}

const entries = {
  'trace-entry': 'packages/cli/dist/src/entries/trace-entry.js',
  'top-entry': 'packages/cli/dist/src/entries/top-entry.js',
  'entry-point': 'packages/cli/dist/src/entries/entry-point.js',
  'import-main': 'packages/server/dist/src/imports/import-main.js',
  'ring-worker': 'packages/balancer/dist/src/datapath/rings/ring-worker.js',
} as const;

/**
 * The scripts by name, without endings.
 *
 * @throws Error if a module that has to be replaced is in none of them.
 */
export async function bundleScripts(): Promise<Map<string, Buffer>> {
  const used: Used = new Set();
  const scripts = await Promise.all(
    Object.entries(entries).map(async ([name, entry]) => [name, await bundleScript(entry, used)] as const),
  );
  const missed = replacements.filter((each) => !used.has(each));
  if (missed.length > 0) {
    throw new Error(
      `release/src/executable/bundle.ts replaces modules that are not there: ${missed.map(({ importer }) => importer.source).join(', ')}`,
    );
  }
  return new Map(scripts);
}

/** The script with which the executable begins. */
export async function bundleMain(): Promise<string> {
  const result = await build({ ...shared, entryPoints: [inside('start')] });
  return result.outputFiles[0]!.text;
}
