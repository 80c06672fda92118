/**
 * Where the executable begins: it runs one of the scripts inside it, with the code that V8 made of that. What bin/weir.js and
 * bin/compiled-bundle.js do for the package, this does for the executable.
 */

import { getAsset, getRawAsset } from 'node:sea';
import { Script } from 'node:vm';
import { assetNames, insideFolder } from './assets.js';

/** The path that a process of Weir gives when it starts itself again, as Node.js wants a script's. */
const ownScript = `${insideFolder}/weir.js`;
const folder = `${insideFolder}/@weir/cli/dist/bundle`;

require('../../../../../packages/cli/bin/ignored-hangup.js').keepIgnored();
// Before anything else reads standard error.
require('../../../../../packages/cli/bin/untouched-stderr.js');

function runScript(name: string): void {
  const filename = `${folder}/${name}.js`;
  const code = `${name}.code`;
  const text = Buffer.from(getRawAsset(`${name}.cjs`) as ArrayBuffer).toString('latin1');
  const cachedData = assetNames().has(code) ? Buffer.from(getAsset(code)) : undefined;
  const start = new Script(text, { filename, ...(cachedData && { cachedData }) }).runInThisContext();
  const importModule = async (specifier: string) => {
    const exports = require(specifier) as object;
    return { ...exports, default: exports };
  };
  start(
    require,
    importModule,
    `file://${filename}`,
    (specifier: string) => `file://${insideFolder}/${specifier}`,
  );
}

/** As in bin/weir.js; the server is in the script of all commands, which is compiled here. */
function scriptFor([command, ...rest]: readonly string[]): string {
  const has = (flags: RegExp) => rest.some((argument) => flags.test(argument));
  if (command === 'trace' && !has(/^--(networks|geo)(=|$)/)) return 'trace-entry';
  if (command === 'top' && !has(/^--at(=|$)/)) return 'top-entry';
  return 'entry-point';
}

process.argv[1] = ownScript;
const isImport = process.argv[2] === `${folder}/import-main.js` && process.send !== undefined;
if (process.argv[2] === ownScript) process.argv.splice(2, 1);
if (isImport) runScript('import-main');
else if (process.argv[2] === '--licenses') process.stdout.write(getAsset('THIRD-PARTY-LICENSES.txt', 'utf8'));
else runScript(scriptFor(process.argv.slice(2)));
