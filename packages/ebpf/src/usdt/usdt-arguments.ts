/**
 * The places of a static probe's arguments, from the assembler's notation: `-4@%edi` is a signed number of 4 bytes in a register,
 * `8@16(%rbp)` one of 8 bytes in memory.
 */

/** How a program gets at an argument. */
export type ArgumentPlace =
  | { readonly kind: 'constant'; readonly value: bigint }
  /** `register`: bytes from the start of struct pt_regs. */
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'memory'; readonly register: number; readonly offset: bigint }
  /** `register + (index << shift) + offset`, as x86 has it. */
  | {
      readonly kind: 'indexed';
      readonly register: number;
      readonly index: number;
      readonly shift: number;
      readonly offset: bigint;
    }
  /** A place that a program cannot read: a floating point register, an address by name. */
  | { readonly kind: 'unreadable' };

/** An argument of a static probe. */
export interface UsdtArgument {
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  readonly signed: boolean;
  readonly place: ArgumentPlace;
}

const unreadable: ArgumentPlace = { kind: 'unreadable' };

/**
 * The arguments of a probe.
 * @param text As the note has it.
 */
export function parseUsdtArguments(text: string, arch: string = process.arch): UsdtArgument[] {
  const parse = arch === 'arm64' ? arm64Place : x64Place;
  // Blanks also stand within brackets: an argument goes on until the next size.
  const parts = text.trim().split(/\s+(?=-?\d+f?@)/);
  return parts.filter((part) => part !== '').map((part) => argumentIn(part, parse));
}

function argumentIn(text: string, parse: (operand: string) => ArgumentPlace): UsdtArgument {
  const [, sign, bytes, float, operand = ''] = /^(-?)(\d+)(f?)@(.*)$/.exec(text) ?? [];
  const size = Number(bytes);
  const isKnown = [1, 2, 4, 8].includes(size) && float === '';
  const place = isKnown ? parse(operand.trim()) : unreadable;
  return { size: isKnown ? size : 8, signed: sign === '-', place };
}

const number = String.raw`[-+]?(?:0x[0-9a-f]+|\d+)`;

function x64Place(operand: string): ArgumentPlace {
  const constant = new RegExp(`^\\$(${number})$`, 'i').exec(operand);
  if (constant !== null) return { kind: 'constant', value: toBigInt(constant[1]!) };
  const register = /^%(\w+)$/.exec(operand);
  if (register !== null) {
    const place = x64Register(register[1]!);
    return place === undefined ? unreadable : { kind: 'register', register: place };
  }
  const memory = new RegExp(`^(${number})?\\(%(\\w+)(?:,%(\\w+)(?:,([1248]))?)?\\)$`, 'i').exec(operand);
  if (memory === null) return unreadable;
  const offset = toBigInt(memory[1] ?? '0');
  const base = x64Register(memory[2]!);
  if (base === undefined) return unreadable;
  if (memory[3] === undefined) return { kind: 'memory', register: base, offset };
  const index = x64Register(memory[3]);
  if (index === undefined) return unreadable;
  return { kind: 'indexed', register: base, index, shift: Math.log2(Number(memory[4] ?? 1)), offset };
}

function arm64Place(operand: string): ArgumentPlace {
  if (new RegExp(`^#?${number}$`, 'i').test(operand))
    return { kind: 'constant', value: toBigInt(operand.replace('#', '')) };
  if (/^[xw]zr$/.test(operand)) return { kind: 'constant', value: 0n };
  const register = arm64Register(operand);
  if (register !== undefined) return { kind: 'register', register };
  const memory = new RegExp(`^\\[\\s*(\\w+)\\s*(?:,\\s*#?(${number})\\s*)?\\]$`, 'i').exec(operand);
  const base = memory === null ? undefined : arm64Register(memory[1]!);
  if (memory === null || base === undefined) return unreadable;
  return { kind: 'memory', register: base, offset: toBigInt(memory[2] ?? '0') };
}

function toBigInt(text: string): bigint {
  const [, sign, digits] = /^([-+]?)(.+)$/.exec(text)!;
  return sign === '-' ? -BigInt(digits!) : BigInt(digits!);
}

/** Members of x86-64's struct pt_regs in its order, by their names in instructions. */
const x64Order = [
  ...['r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8'],
  ...['ax', 'cx', 'dx', 'si', 'di', 'orig_ax', 'ip', 'cs', 'flags', 'sp'],
];

/** The place of a register's member in struct pt_regs; by the names of its parts too (`eax`, `ax`, `al`, `r8d`). */
function x64Register(name: string): number | undefined {
  const numbered = /^(r(?:[89]|1[0-5]))[dwb]?$/.exec(name)?.[1];
  const lettered = /^[re]?([abcd]x|[sd]i|[sb]p|ip)$/.exec(name)?.[1];
  const low = /^(?:([abcd])l|([sd]i|[sb]p)l)$/.exec(name);
  const member = numbered ?? lettered ?? (low === null ? undefined : (low[2] ?? `${low[1]}x`));
  return member === undefined ? undefined : 8 * x64Order.indexOf(member);
}

/** arm64's struct pt_regs begins with the registers 0 to 30, then sp. */
function arm64Register(name: string): number | undefined {
  if (name === 'sp') return 31 * 8;
  const index = Number(/^[xw](\d+)$/.exec(name)?.[1] ?? 31);
  return index < 31 ? index * 8 : undefined;
}
