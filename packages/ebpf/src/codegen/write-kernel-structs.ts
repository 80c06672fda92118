/**
 * Writes `src/generated/kernel-structs.ts` from the running kernel's BTF, or from the file that is named.
 *
 *     npm run build:attr -- [BTF]
 *
 * An older kernel knows fewer members: generate from one that is at least as new as the last.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kernelBtfPath } from '../btf/kernel.js';
import { Btf } from '../btf/parse.js';
import { emitKernelLayouts, kernelLayouts } from './kernel-structs.js';

const output = fileURLToPath(new URL('../../../src/generated/kernel-structs.ts', import.meta.url));
writeFileSync(
  output,
  emitKernelLayouts(kernelLayouts(Btf.parse(readFileSync(process.argv[2] ?? kernelBtfPath)))),
);
