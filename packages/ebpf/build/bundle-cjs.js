/**
 * Writes dist/cjs/index.cjs, the library in one script: what `require('@weir/ebpf')` gives on versions of Node.js that cannot require
 * modules (before 20.19 and 22.12). The others load the modules, so that a process has one copy of each class.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));

await build({
  entryPoints: [path('dist/src/index.js')],
  outfile: path('dist/cjs/index.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  external: ['koffi', 'ipaddr.js'],
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'warning',
});
