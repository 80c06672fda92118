/**
 * Puts the command and the workspace packages it uses into a few files, dist/bundle: Node.js resolves and reads more than a
 * hundred modules otherwise, which takes a third of the time until `weir trace` traces. What has to start fast has an entry
 * with all that it needs in one script, and beside it the code that V8 makes of that; another holds all commands, in a file for each
 * set of commands that shares code.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { bundleFile, codeFile, PARAMETERS } from '../bin/compiled-bundle.js';

const root = new URL('..', import.meta.url);
const outdir = fileURLToPath(new URL('dist/bundle', root));
const compiler = fileURLToPath(new URL('compile.js', import.meta.url));
const entry = (name) => fileURLToPath(new URL(`dist/src/entries/${name}.js`, root));
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

const options = {
  outdir,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Packages of others stay packages: their files, licences and updates are theirs.
  external: dependencies.filter((name) => !isOurs(name)),
  metafile: true,
  logLevel: 'warning',
};

/** Modules of Node.js that take a millisecond to load, and that most runs of a command do not use. */
const SELDOM_USED = ['node:fs/promises'];

/** Has a script load them where they are used, rather than at its start. Elsewhere they would be loaded as before. */
function loadWhereUsed(text) {
  return SELDOM_USED.reduce((changed, name) => {
    const variables = [...changed.matchAll(new RegExp(`(import_\\w+)=require\\("${name}"\\)`, 'g'))];
    return variables.reduce(
      (script, [declaration, variable]) =>
        script
          .replace(declaration, `${variable}=0`)
          // In parentheses, for `new` would be of require() otherwise.
          .replaceAll(new RegExp(`\\b${variable}\\.`, 'g'), `(require("${name}")).`),
      changed,
    );
  }, text);
}

/** One script: a function of what a module would have by itself, and its compiled code. */
async function buildCompiled(name) {
  const { outdir: _, external, ...others } = options;
  const result = await build({
    ...others,
    // bin/weir.js starts the entry of all commands where it is needed.
    external: [...external, '*/peer-networks.js'],
    entryPoints: [entry(name)],
    outfile: bundleFile(name),
    write: false,
    format: 'cjs',
    // Names stay, for the traces of errors.
    minifyWhitespace: true,
    minifySyntax: true,
    define: { 'import.meta.url': 'moduleUrl', 'import.meta.resolve': 'resolveModule' },
  });
  // A script has no import() of its own.
  const text = loadWhereUsed(result.outputFiles[0].text.replaceAll(/\bimport\(/g, 'importModule('));
  // One other character has V8 keep two bytes for each, and read them all anew at each start.
  const other = /.{0,20}[\u0080-\uffff].{0,20}/.exec(text);
  if (other !== null)
    throw new Error(`a character of a bundle is not ASCII, write it as \\u....: ${other[0]}`);
  writeFileSync(bundleFile(name), `(function(${PARAMETERS}){${text}\n})\n`);
  // A process of its own, with a given seed of hashes, which the order of some tables in the code follows from: the same
  // sources give the same bytes.
  const [script, code] = [bundleFile(name), codeFile(name)].map((path) => basename(path));
  await promisify(execFile)(process.execPath, ['--hash-seed=1', compiler, script, code], { cwd: outdir });
  return result;
}

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir);
const results = await Promise.all([
  build({ ...options, entryPoints: [entry('entry-point')], splitting: true }),
  // A process of its own, which the server starts beside its own file, and a thread that the balancer starts so.
  build({
    ...options,
    entryPoints: [
      'server/dist/src/imports/import-main.js',
      'balancer/dist/src/datapath/rings/ring-worker.js',
    ].map((path) => fileURLToPath(new URL(`../${path}`, root))),
    entryNames: '[name]',
  }),
  ...['trace-entry', 'top-entry', 'server-entry'].map(buildCompiled),
]);
const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
const foreign = inputs.filter((path) => path.includes('node_modules/'));
if (foreign.length > 0) {
  throw new Error(`the bundle would hold code of others, without their licences: ${foreign.join(', ')}`);
}
