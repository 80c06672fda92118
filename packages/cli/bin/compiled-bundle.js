/**
 * Runs a bundle with the code that V8 has made of it, which build/bundle.js keeps beside it: to compile it takes a fifth of the
 * time until `weir trace` traces.
 *
 * CommonJS, as the bundles are: Node.js takes compiled code for scripts only, and loads them sooner than modules.
 */
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join, resolve } = require('node:path');
const { pathToFileURL } = require('node:url');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

const folder = resolve(__dirname, '../dist/bundle');

/** The names that a bundle uses, which a module has by itself. */
const PARAMETERS = ['require', 'importModule', 'moduleUrl', 'resolveModule'];

const bundleFile = (name) => join(folder, `${name}.cjs`);

/** Each version of V8 makes code of its own, so another Node.js finds no file. */
const codeFile = (name) => join(folder, `${name}.${process.version}-${process.arch}.code`);

function compile(name, cachedData) {
  const filename = bundleFile(name);
  return new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
}

/** Undefined where the bundle was built by another Node.js. */
function compiledCode(name) {
  try {
    return readFileSync(codeFile(name));
  } catch {
    return undefined;
  }
}

/** V8 compares version, flags and length, and where they differ compiles anew. @param flags Of V8, set once it has its code. */
function runBundle(name, flags = []) {
  const load = createRequire(bundleFile(name));
  const script = compile(name, compiledCode(name));
  for (const flag of flags) setFlagsFromString(flag);
  const start = script.runInThisContext();
  start(
    load,
    (specifier) => import(specifier),
    pathToFileURL(bundleFile(name)).href,
    (specifier) => pathToFileURL(load.resolve(specifier)).href,
  );
}

module.exports = { PARAMETERS, bundleFile, codeFile, compile, compiledCode, runBundle };
