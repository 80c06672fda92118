/** The compiled kernel programs that come with this package. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type CollectionSpec, parseObject } from '@weir/ebpf';

/**
 * Reads an object. The package's name locates it, which also works for code that was bundled into another file.
 *
 * @param name In the package's folder `bpf`, such as `tcp.bpf.o`.
 */
export function readObject(name: string): CollectionSpec {
  return parseObject(readFileSync(fileURLToPath(import.meta.resolve(`@weir/tracer/bpf/${name}`))));
}
