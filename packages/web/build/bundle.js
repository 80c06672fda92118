/**
 * Makes the page: dist/page, with scripts and styles whose names contain a hash of what is in them, and index.html. Views are
 * scripts of their own that a browser loads when they are opened first.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Scripts of a first visit to any view, compressed: it stays quick over a slow line. */
const MOST_SCRIPT_BYTES = 120 * 1024;

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = join(root, 'dist/page');

/** The filter language takes names of errors from Node.js, which browsers are not. */
const nodeConstants = {
  name: 'node-constants',
  setup(builder) {
    builder.onResolve({ filter: /^node:os$/ }, ({ path }) => ({ path, namespace: 'node-constants' }));
    builder.onLoad({ filter: /./, namespace: 'node-constants' }, () => ({
      contents: `export const constants = ${JSON.stringify({ errno: constants.errno })};`,
    }));
  },
};

const options = {
  absWorkingDir: root,
  outdir,
  bundle: true,
  format: 'esm',
  target: ['chrome111', 'firefox113', 'safari16.4'],
  minify: true,
  metafile: true,
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  plugins: [nodeConstants],
  logLevel: 'warning',
  // They are in licenses.txt.
  legalComments: 'none',
};

/** The name of the file that was made of an entry. */
function fileOf({ metafile }, entry) {
  const found = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === entry);
  return basename(found[0]);
}

rmSync(outdir, { recursive: true, force: true });
const worker = await build({ ...options, entryPoints: ['src/views/map/layout-worker.ts'] });
const page = await build({
  ...options,
  entryPoints: ['src/app/main.tsx', 'src/app/page.css'],
  splitting: true,
  define: { LAYOUT_WORKER: JSON.stringify(`/${fileOf(worker, 'src/views/map/layout-worker.ts')}`) },
});

/** What the first script needs at once is loaded beside it, rather than after it. */
const main = `dist/page/${fileOf(page, 'src/app/main.tsx')}`;
const preloads = page.metafile.outputs[main].imports
  .filter(({ kind }) => kind === 'import-statement')
  .map(({ path }) => `<link rel="modulepreload" href="/${basename(path)}" />`);

const html = readFileSync(join(root, 'src/app/index.html'), 'utf8')
  .replace('<!-- preloads -->', preloads.join(''))
  .replace('main.js', fileOf(page, 'src/app/main.tsx'))
  .replace('page.css', fileOf(page, 'src/app/page.css'));
writeFileSync(join(outdir, 'index.html'), html);

/** What licences of others ask for: their text beside their code. */
function licencesOf(paths) {
  const folders = new Set(paths.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []));
  return [...folders].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e(\.|$)/i.test(each));
    if (file === undefined) throw new Error(`${name} has no file with its licence`);
    return `${name} ${version}\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
  });
}

const inputs = [worker, page].flatMap(({ metafile }) => Object.keys(metafile.inputs));
writeFileSync(join(outdir, 'licenses.txt'), licencesOf(inputs).join(`\n${'-'.repeat(80)}\n\n`));

/** Compressed bytes of a script and of all that it loads at once. */
function loadedBy(path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { kind, path: other } of page.metafile.outputs[path].imports)
    if (kind === 'import-statement') loadedBy(other, seen);
  return seen;
}

const compressed = (path) => gzipSync(readFileSync(join(root, path))).length;
const workerPath = `dist/page/${fileOf(worker, 'src/views/map/layout-worker.ts')}`;
for (const { kind, path } of page.metafile.outputs[main].imports) {
  if (kind !== 'dynamic-import') continue;
  const { entryPoint } = page.metafile.outputs[path];
  const scripts = [...loadedBy(path, loadedBy(main)), ...(/map-view/.test(entryPoint) ? [workerPath] : [])];
  const bytes = scripts.reduce((sum, script) => sum + compressed(script), 0);
  if (bytes > MOST_SCRIPT_BYTES)
    throw new Error(
      `${entryPoint} loads ${bytes} bytes of scripts, compressed, and may load ${MOST_SCRIPT_BYTES}`,
    );
  if (process.argv.includes('--sizes')) console.log(`${entryPoint}: ${bytes}`);
}
