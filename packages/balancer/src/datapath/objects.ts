/** The compiled kernel programs that come with this package. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type CollectionSpec, parseObject } from '@weir/ebpf';

/**
 * Reads one. Found by the package's name, which holds for code that was bundled into a file elsewhere, too.
 *
 * @param name In the package's folder `bpf`, such as `balancer.bpf.o`.
 */
export function readObject(name: string): CollectionSpec {
  return parseObject(readFileSync(fileURLToPath(import.meta.resolve(`@weir/balancer/bpf/${name}`))));
}
