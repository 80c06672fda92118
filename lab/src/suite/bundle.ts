/**
 * Test files for guests: each becomes one module with all that it imports of ours. Emulated, resolving, reading and
 * compiling a hundred modules takes Node.js two to four seconds, for every file.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { guestRepository } from '../guest/project.js';
import { repository } from '../paths.js';

/** Stands for `import.meta.url`. */
const placeName = 'placeOfThisModule';

const ours: Plugin = {
  name: 'ours',
  setup: ({ onLoad, onResolve }) => {
    // Packages of others stay packages.
    onResolve({ filter: /^[^./]/ }, ({ path }) =>
      path.startsWith('@weir/') ? undefined : { external: true },
    );
    // Modules find what lies beside them by their own place: each keeps that of the module it was.
    onLoad({ filter: /\/dist\/.*\.js$/ }, async ({ path }) => {
      const place = JSON.stringify(`file://${guestRepository}/${relative(repository, path)}`);
      return {
        contents: `const ${placeName} = ${place}; ${await readFile(path, 'utf8')}`,
        resolveDir: dirname(path),
      };
    });
  },
};

/** Where bundled tests are, under the paths that they have in the checkout. */
export interface Bundles {
  readonly folder: string;
  /** Folder of their source maps, `PATH.map`. */
  readonly maps: string;
}

/**
 * Whether a compiled module imports nothing by a computed name, as it does to replace a part of a module: a bundle would
 * have that module twice. Exported for the tests.
 */
export function canBeBundled(module: string): boolean {
  return !/\bimport\((?!\s*['"])/.test(module);
}

/**
 * Bundles compiled test files. One that cannot be bundled is left out, and runs as it is.
 *
 * @param files Relative to the checkout.
 * @throws Error with esbuild's messages.
 */
export async function bundleTests(files: readonly string[], { folder, maps }: Bundles): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: files
      .map((file) => join(repository, file))
      .filter((path) => !existsSync(path) || canBeBundled(readFileSync(path, 'utf8'))),
    outbase: repository,
    outdir: repository,
    write: false,
    bundle: true,
    // A test file imports others for what they do: packages say that theirs does nothing.
    ignoreAnnotations: true,
    sourcemap: 'external',
    sourcesContent: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    define: { 'import.meta.url': placeName },
    plugins: [ours],
    logLevel: 'silent',
  });
  for (const { path, contents } of outputFiles) {
    const place = join(path.endsWith('.map') ? maps : folder, relative(repository, path));
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, contents);
  }
}

/** Replaces the places in stacks of bundled tests by those in their sources. */
export function originalPlaces(text: string, { maps }: Bundles): string {
  const place = new RegExp(`file://${guestRepository}/([^\\s:]+):(\\d+):(\\d+)`, 'g');
  return text.replaceAll(place, (whole, file: string, line: string, column: string) => {
    const map = join(maps, `${file}.map`);
    if (!existsSync(map)) return whole;
    const entry = new SourceMap(JSON.parse(readFileSync(map, 'utf8'))).findEntry(+line - 1, +column - 1);
    if (!('originalSource' in entry)) return whole;
    const source = join(dirname(file), entry.originalSource);
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}
