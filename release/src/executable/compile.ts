/**
 * Run by the executable's own Node.js: writes beside each script the code that V8 makes of it. Only that Node.js can use it.
 *
 *     node --hash-seed=1 compile.js SCRIPT…
 *
 * The order of some tables in that code follows from the seed of hashes, which is another in each process unless it is given: with it,
 * the same script gives the same bytes.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

// V8 refuses code that was made under other flags. The seed need not be the same, as it is not elsewhere either.
setFlagsFromString('--hash-seed=0');

for (const path of process.argv.slice(2)) {
  // All functions at once, rather than each when it is called first.
  setFlagsFromString('--no-lazy');
  const script = new Script(readFileSync(path, 'latin1'), { filename: path });
  setFlagsFromString('--lazy');
  writeFileSync(path.replace(/\.cjs$/, '.code'), script.createCachedData());
}
