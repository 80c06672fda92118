/** The compiled kernel programs that come with this package. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type CollectionSpec, parseObject } from '@weir/ebpf';

/**
 * Reads a compiled program. The package's name leads to it, also from code that was bundled into another file.
 *
 * @param name File in the package's folder `bpf`, such as `balancer.bpf.o`.
 */
export function readObject(name: string): CollectionSpec {
  return parseObject(readFileSync(fileURLToPath(import.meta.resolve(`@weir/balancer/bpf/${name}`))));
}
