/**
 * Values of variables declared with `__kconfig`: the kernel's build options, and a few properties of the running kernel
 * under names of the same kind, which libbpf introduced.
 */
import { EbpfError, UnknownFeatureError } from '../errors.js';
import { type KernelConfig, kernelConfig } from '../features/config.js';
import { kernelSymbols } from '../features/symbols.js';
import type { FeatureTable } from '../features/table.js';
import type { KconfigVariable } from '../object/spec.js';
import { kernelVersion } from '../sys/kernel-version.js';

/** Where values come from; each is asked only when a variable needs it. */
export interface KconfigSource {
  config(): KernelConfig | undefined;
  /** LINUX_VERSION_CODE. */
  version(): number;
  hasCookie(): boolean;
  hasSyscallWrapper(): boolean;
}

/** The running kernel's values. */
export function runningKernel(features: FeatureTable): KconfigSource {
  return {
    config: kernelConfig,
    version: () => kernelVersion().code,
    hasCookie: () => features.decide('attach_cookie'),
    // System calls take a pointer to the registers on machines whose entry points carry such a prefix (4.17).
    hasSyscallWrapper: () => {
      const symbols = kernelSymbols();
      if (symbols.hidden !== undefined) throw new UnknownFeatureError('system call wrappers', symbols.hidden);
      return ['__x64_sys_bpf', '__arm64_sys_bpf'].some((name) => symbols.hasFunction(name));
    },
  };
}

/**
 * Writes the variables' values into the bytes of the `.kconfig` map.
 * @throws EbpfError for an option that is missing and not weak, or whose value does not fit its variable.
 */
export function fillKconfig(
  contents: Uint8Array,
  variables: Iterable<KconfigVariable>,
  source: KconfigSource,
): void {
  for (const variable of variables) {
    const value = valueFor(variable, source);
    if (value !== undefined) write(contents, variable, value);
    else if (!variable.weak) throw new EbpfError(missing(variable, source));
  }
}

function valueFor({ name }: KconfigVariable, source: KconfigSource): string | undefined {
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return String(source.version());
    case 'LINUX_HAS_BPF_COOKIE':
      return source.hasCookie() ? '1' : '0';
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      return source.hasSyscallWrapper() ? '1' : '0';
    default:
      return name.startsWith('CONFIG_') ? source.config()?.get(name) : undefined;
  }
}

function missing({ name }: KconfigVariable, source: KconfigSource): string {
  if (!name.startsWith('CONFIG_')) return `extern ${name}: no such value is known; declare it __weak`;
  if (source.config() === undefined) {
    return `extern ${name}: the kernel's configuration can be read neither in /boot nor in /proc/config.gz (CONFIG_IKCONFIG_PROC)`;
  }
  return `extern ${name}: the kernel's configuration does not set it; declare it __weak`;
}

const tristate: ReadonlyMap<string, bigint> = new Map([
  ['n', 0n],
  ['y', 1n],
  ['m', 2n],
]);

function write(contents: Uint8Array, variable: KconfigVariable, value: string): void {
  const place = contents.subarray(variable.offset, variable.offset + variable.size);
  if (variable.kind === 'string') {
    const text = Buffer.from(value.replace(/^"(.*)"$/, '$1'));
    place.fill(0);
    place.set(text.subarray(0, place.length - 1));
    return;
  }
  writeInteger(
    place,
    variable.kind === 'char' && tristate.has(value) ? BigInt(value.charCodeAt(0)) : integer(),
  );

  function integer(): bigint {
    const { kind, name, signed, size } = variable;
    const flag = tristate.get(value);
    if (kind === 'bool' && value === 'm') {
      throw new EbpfError(`extern ${name}: the value m does not fit a bool; declare an enum libbpf_tristate`);
    }
    if (flag !== undefined && (kind === 'bool' || kind === 'tristate')) return flag;
    if (!/^-?(0x[0-9a-fA-F]+|\d+)$/.test(value)) throw new EbpfError(`extern ${name}: ${value} is no number`);
    const number = value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
    const bits = size * 8;
    if ((signed ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number)) !== number) {
      throw new EbpfError(`extern ${name}: ${value} does not fit ${size} bytes`);
    }
    return number;
  }
}

function writeInteger(place: Uint8Array, value: bigint): void {
  for (let i = 0; i < place.length; i++) place[i] = Number((value >> BigInt(8 * i)) & 0xffn);
}
