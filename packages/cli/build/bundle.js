/**
 * Puts the command and the workspace packages it uses into a few files, dist/bundle: Node.js resolves and reads more than a
 * hundred modules otherwise, which takes a third of the time until `weir trace` traces.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { notices } from './notices.js';

const root = new URL('..', import.meta.url);
const outdir = fileURLToPath(new URL('dist/bundle', root));
const dependenciesOf = (folder) =>
  Object.keys(JSON.parse(readFileSync(new URL(`${folder}/package.json`, root), 'utf8')).dependencies ?? {});
const isOurs = (name) => name.startsWith('@weir/');
const dependencies = dependenciesOf('.');
const indirect = dependencies
  .filter(isOurs)
  .flatMap((name) => dependenciesOf(`../${name.slice('@weir/'.length)}`));
const unlisted = indirect.filter((name) => !dependencies.includes(name));
if (unlisted.length > 0) {
  throw new Error(`packages/cli/package.json must depend on ${unlisted.join(', ')}: its bundle imports them`);
}

rmSync(outdir, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: [fileURLToPath(new URL('dist/src/entry-point.js', root))],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Packages of others stay packages: their files, licences and updates are theirs. But Ink, the terminal UI of `weir top`,
  // is forty packages that take half a second to load; in one file that is loaded only then, they take a tenth.
  external: [...dependencies.filter((name) => !isOurs(name)), 'react-devtools-core'],
  // React's checks for developers would double the work.
  define: { 'process.env.NODE_ENV': '"production"' },
  // Some of those packages are CommonJS.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
  metafile: true,
  logLevel: 'warning',
});
writeFileSync(
  new URL('dist/bundle/LICENSES.txt', root),
  notices(Object.keys(metafile.inputs), process.cwd()),
);
