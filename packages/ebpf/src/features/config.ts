/**
 * The running kernel's build options, from /proc/config.gz (CONFIG_IKCONFIG_PROC) or the file that distributions
 * install in /boot.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { release } from 'node:os';

/** Option values as written in the file: `y`, `m`, a number, or a quoted string. Options that are off are absent. */
export type KernelConfig = ReadonlyMap<string, string>;

/** Parses a kernel's .config. Comments (`# CONFIG_X is not set`) are options that are off. */
export function parseKernelConfig(text: string): KernelConfig {
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(CONFIG_\w+)=(.*)$/.exec(line);
    if (match !== null) options.set(match[1]!, match[2]!);
  }
  return options;
}

let cached: KernelConfig | undefined;

/** The running kernel's options, kept once read; undefined where neither file can be read. */
export function kernelConfig(): KernelConfig | undefined {
  cached ??= readKernelConfig();
  return cached;
}

function readKernelConfig(): KernelConfig | undefined {
  const sources: (() => string)[] = [
    () => readFileSync(`/boot/config-${release()}`, 'latin1'),
    () => gunzip(readFileSync('/proc/config.gz')).toString('latin1'),
  ];
  for (const source of sources) {
    try {
      return parseKernelConfig(source());
    } catch {
      // The next source may exist.
    }
  }
  return undefined;
}

/** The module is loaded where it is needed, which is on few machines. */
function gunzip(bytes: Uint8Array): Buffer {
  const zlib = createRequire(import.meta.url)('node:zlib') as typeof import('node:zlib');
  return zlib.gunzipSync(bytes);
}
