/**
 * Puts the command and the workspace packages it uses into a few files, dist/bundle: Node.js resolves and reads more than a
 * hundred modules otherwise, which takes a third of the time until `weir trace` traces.
 */
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url);
const outdir = fileURLToPath(new URL('dist/bundle', root));
const { dependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [fileURLToPath(new URL('dist/src/main.js', root))],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Packages of others stay packages: their files, licences and updates are theirs.
  external: Object.keys(dependencies).filter((name) => !name.startsWith('@weir/')),
  logLevel: 'warning',
});
