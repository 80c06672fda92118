/**
 * Writes the code that V8 makes of a script: `node --hash-seed=1 compile.js SCRIPT CODE`, in the folder of both. What is built is published, so
 * nothing of the machine that built it is in it: no random seed, and the script's name without the folder. That is not cut from a path here, as
 * V8 would keep the whole path for it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const [path, code] = process.argv.slice(2);
// V8 refuses code that was made under other flags. The seed need not be the same, as it is not elsewhere either.
setFlagsFromString('--hash-seed=0');
// All functions at once, rather than each when it is called first.
setFlagsFromString('--no-lazy');
const script = new Script(readFileSync(path, 'latin1'), { filename: path });
setFlagsFromString('--lazy');
writeFileSync(code, script.createCachedData());
