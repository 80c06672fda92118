/** Which kernel programs this version has: a collector goes on only with those that it would load itself. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A digest of the kernel programs that follow TCP. */
export function programsDigest(): string {
  const digest = createHash('sha256');
  for (const name of ['tcp.bpf.o', 'tcp-typed.bpf.o'])
    digest.update(readFileSync(fileURLToPath(import.meta.resolve(`@weir/tracer/bpf/${name}`))));
  return digest.digest('hex');
}
