/** The compiled kernel programs that come with this package. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type CollectionSpec, parseObject } from '@weir/ebpf';

/**
 * Reads an object. The package's name locates it, which also works for code that was bundled into another file.
 *
 * @param name In the package's folder `bpf`, such as `tcp.bpf.o`.
 * @param programs The programs that will be loaded. Default: all.
 */
export function readObject(name: string, programs?: readonly string[]): CollectionSpec {
  const path = fileURLToPath(import.meta.resolve(`@weir/tracer/bpf/${name}`));
  return parseObject(readFileSync(path), programs && { programs });
}
