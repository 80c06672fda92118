/** A system call through koffi beside one through Node's own foreign functions. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { newestMajor, nodeExecutable, nodeVersion } from '@weir/lab';
import { median } from '../statistics.js';

export interface FfiResult {
  readonly node: string;
  /** Nanoseconds of a call that does next to nothing in the kernel, a sample a round. */
  readonly koffiNs: readonly number[];
  readonly nodeNs: readonly number[];
}

export async function benchFfi(): Promise<FfiResult> {
  const node = await nodeExecutable(newestMajor);
  const program = fileURLToPath(new URL('ffi-program.js', import.meta.url));
  const output = execFileSync(node, ['--no-warnings', program], { encoding: 'utf8' });
  return { node: nodeVersion(node), ...(JSON.parse(output) as Omit<FfiResult, 'node'>) };
}

export function ffiTable({ koffiNs, nodeNs }: FfiResult): string {
  const row = (name: string, ns: readonly number[]) => {
    const ratio = median(ns) / median(koffiNs);
    return `| ${name} | ${median(ns).toFixed(0)} | ${Math.min(...ns).toFixed(0)} | ${ratio.toFixed(2)} |`;
  };
  return [
    '| getppid through | ns, median | least | ratio |',
    '|---|---|---|---|',
    row('koffi', koffiNs),
    row('`node:ffi`', nodeNs),
  ].join('\n');
}
