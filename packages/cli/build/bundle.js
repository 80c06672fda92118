/**
 * Puts the command and the workspace packages it uses into a few files, dist/bundle: Node.js resolves and reads more than a
 * hundred modules otherwise, which takes a third of the time until `weir trace` traces.
 */
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

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
  // Packages of others stay packages: their files, licences and updates are theirs.
  external: dependencies.filter((name) => !isOurs(name)),
  metafile: true,
  logLevel: 'warning',
});
const foreign = Object.keys(metafile.inputs).filter((path) => path.includes('node_modules/'));
if (foreign.length > 0) {
  throw new Error(`the bundle would hold code of others, without their licences: ${foreign.join(', ')}`);
}
