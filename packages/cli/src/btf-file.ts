import { readFileSync } from 'node:fs';
import type { Btf } from '@weir/ebpf';
import { UsageError } from './failure.js';
import type { TracerFactory } from './tracing.js';

/** Reads the types that `--btf` names. @throws UsageError */
export function readBtf(path: string, tracing: Pick<TracerFactory, 'parseBtf'>): Btf {
  try {
    return tracing.parseBtf(readFileSync(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `--btf ${path}: ${reason}; expected a file of raw BTF, such as a copy of another kernel's /sys/kernel/btf/vmlinux`,
      {
        cause: error,
      },
    );
  }
}
