/** Instructions as text, in the style of the kernel's verifier log: for messages and for people. */
import { Pseudo } from '../uapi/flags.js';
import { helperName } from '../uapi/helper-functions.js';
import {
  AluOp,
  Atomic,
  hasSourceRegister,
  Instructions,
  JmpOp,
  MemMode,
  MemSize,
  memMode,
  memSize,
  OpClass,
  Opcode,
  opClass,
  operation,
} from './insn.js';

/** Options of {@link disassemble}. */
export interface DisassembleOptions {
  /** Byte order of the instructions; little-endian by default. */
  readonly littleEndian?: boolean;
  /** Names of targets and operands, such as a map's or a subprogram's, by instruction index. */
  readonly names?: ReadonlyMap<number, string>;
}

const aluSymbols: Readonly<Record<number, string>> = {
  [AluOp.add]: '+=',
  [AluOp.sub]: '-=',
  [AluOp.mul]: '*=',
  [AluOp.div]: '/=',
  [AluOp.or]: '|=',
  [AluOp.and]: '&=',
  [AluOp.lsh]: '<<=',
  [AluOp.rsh]: '>>=',
  [AluOp.mod]: '%=',
  [AluOp.xor]: '^=',
  [AluOp.mov]: '=',
  [AluOp.arsh]: 's>>=',
};

const jumpSymbols: Readonly<Record<number, string>> = {
  [JmpOp.jeq]: '==',
  [JmpOp.jgt]: '>',
  [JmpOp.jge]: '>=',
  [JmpOp.jset]: '&',
  [JmpOp.jne]: '!=',
  [JmpOp.jsgt]: 's>',
  [JmpOp.jsge]: 's>=',
  [JmpOp.jlt]: '<',
  [JmpOp.jle]: '<=',
  [JmpOp.jslt]: 's<',
  [JmpOp.jsle]: 's<=',
};

const sizeNames: Readonly<Record<number, string>> = {
  [MemSize.b]: '8',
  [MemSize.h]: '16',
  [MemSize.w]: '32',
  [MemSize.dw]: '64',
};

const atomicNames: Readonly<Record<number, readonly [symbol: string, name: string]>> = {
  [AluOp.add]: ['+=', 'add'],
  [AluOp.or]: ['|=', 'or'],
  [AluOp.and]: ['&=', 'and'],
  [AluOp.xor]: ['^=', 'xor'],
};

/**
 * One line an instruction: `12: (85) call bpf_map_lookup_elem#1`. An `ld_imm64` takes one line and two
 * numbers. Never fails: what is no instruction is shown as such.
 *
 * @param instructions 8 bytes each, 16 for `ld_imm64`.
 */
export function disassemble(instructions: Uint8Array, options: DisassembleOptions = {}): string[] {
  const code = new Instructions(instructions, options.littleEndian ?? true);
  const lines: string[] = [];
  for (let i = 0; i < code.length; i++) {
    const opcode = code.opcode(i).toString(16).padStart(2, '0');
    const name = options.names?.get(i);
    lines.push(`${i}: (${opcode}) ${describe(code, i, name)}`);
    if (code.isLoadImm64(i)) i++;
  }
  return lines;
}

function describe(code: Instructions, index: number, name: string | undefined): string {
  switch (opClass(code.opcode(index))) {
    case OpClass.alu:
    case OpClass.alu64:
      return arithmetic(code, index);
    case OpClass.jmp:
    case OpClass.jmp32:
      return jump(code, index, name);
    case OpClass.ld:
      return load(code, index, name);
    case OpClass.ldx:
      return loadMemory(code, index);
    default:
      return store(code, index);
  }
}

function unknown(code: Instructions, index: number): string {
  return `unknown instruction 0x${code.opcode(index).toString(16).padStart(2, '0')}`;
}

function arithmetic(code: Instructions, index: number): string {
  const opcode = code.opcode(index);
  const wide = opClass(opcode) === OpClass.alu64;
  const letter = wide ? 'r' : 'w';
  const destination = `${letter}${code.destination(index)}`;
  const op = operation(opcode);
  const fromRegister = hasSourceRegister(opcode);
  if (op === AluOp.end) {
    const conversion = wide ? 'bswap' : fromRegister ? 'be' : 'le';
    return `r${code.destination(index)} = ${conversion}${code.immediate(index)} r${code.destination(index)}`;
  }
  if (op === AluOp.neg) return `${destination} = -${destination}`;
  const symbol = aluSymbols[op];
  if (symbol === undefined) return unknown(code, index);
  const offset = code.offset(index);
  const source = fromRegister ? `${letter}${code.source(index)}` : `${code.immediate(index)}`;
  // The offset makes a division signed, and a move sign-extending. Since Linux 6.6.
  const signedDivision = offset === 1 && (op === AluOp.div || op === AluOp.mod);
  if (op === AluOp.mov && fromRegister && offset !== 0) return `${destination} = (s${offset})${source}`;
  return `${destination} ${signedDivision ? 's' : ''}${symbol} ${source}`;
}

const signed = (value: number) => (value < 0 ? `${value}` : `+${value}`);

function jump(code: Instructions, index: number, name: string | undefined): string {
  const opcode = code.opcode(index);
  const narrow = opClass(opcode) === OpClass.jmp32;
  const op = operation(opcode);
  switch (op) {
    case JmpOp.call:
      return call(code, index, name);
    case JmpOp.exit:
      return 'exit';
    case JmpOp.ja:
      return narrow ? `gotol pc${signed(code.immediate(index))}` : `goto pc${signed(code.offset(index))}`;
    case JmpOp.jcond:
      return `may_goto pc${signed(code.offset(index))}`;
  }
  const symbol = jumpSymbols[op];
  if (symbol === undefined) return unknown(code, index);
  const letter = narrow ? 'w' : 'r';
  const operand = hasSourceRegister(opcode)
    ? `${letter}${code.source(index)}`
    : `0x${(code.immediate(index) >>> 0).toString(16)}`;
  return `if ${letter}${code.destination(index)} ${symbol} ${operand} goto pc${signed(code.offset(index))}`;
}

function call(code: Instructions, index: number, name: string | undefined): string {
  const immediate = code.immediate(index);
  const target = name === undefined ? '' : ` ${name}`;
  if (hasSourceRegister(code.opcode(index))) return `callx r${code.destination(index)}`;
  if (code.source(index) === Pseudo.call) return `call pc${signed(immediate)}${target}`;
  if (code.source(index) === Pseudo.kfuncCall) return `call kernel-function${target}#${immediate}`;
  return `call ${name ?? helperName(immediate)}#${immediate}`;
}

function load(code: Instructions, index: number, name: string | undefined): string {
  const opcode = code.opcode(index);
  const width = sizeNames[memSize(opcode)];
  switch (memMode(opcode)) {
    case MemMode.abs:
      return `r0 = *(u${width} *)skb[${code.immediate(index)}]`;
    case MemMode.ind:
      return `r0 = *(u${width} *)skb[r${code.source(index)} + ${code.immediate(index)}]`;
  }
  if (opcode !== Opcode.loadImm64 || !code.isLoadImm64(index)) return unknown(code, index);
  return `r${code.destination(index)} = ${name ?? constant(code, index)}`;
}

function constant(code: Instructions, index: number): string {
  const [low, high] = [code.immediate(index), code.immediate(index + 1)];
  switch (code.source(index)) {
    case Pseudo.mapFd:
      return `map[fd:${low}]`;
    case Pseudo.mapValue:
      return `map[fd:${low}]+${high}`;
    case Pseudo.btfId:
      return `btf_id[${low}]`;
    case Pseudo.func:
      return `func[pc${signed(low)}]`;
    case Pseudo.mapIdx:
      return `map[idx:${low}]`;
    case Pseudo.mapIdxValue:
      return `map[idx:${low}]+${high}`;
    default:
      return `0x${code.immediate64(index).toString(16)}`;
  }
}

/** `*(u32 *)(r1 +4)`. */
function memory(sign: 'u' | 's', width: string | undefined, base: number, offset: number): string {
  return `*(${sign}${width} *)(r${base} ${signed(offset)})`;
}

function loadMemory(code: Instructions, index: number): string {
  const opcode = code.opcode(index);
  const mode = memMode(opcode);
  if (mode !== MemMode.mem && mode !== MemMode.memsx) return unknown(code, index);
  const sign = mode === MemMode.memsx ? 's' : 'u';
  const source = memory(sign, sizeNames[memSize(opcode)], code.source(index), code.offset(index));
  return `r${code.destination(index)} = ${source}`;
}

function store(code: Instructions, index: number): string {
  const opcode = code.opcode(index);
  const mode = memMode(opcode);
  const width = sizeNames[memSize(opcode)];
  const place = memory('u', width, code.destination(index), code.offset(index));
  const fromRegister = opClass(opcode) === OpClass.stx;
  if (mode === MemMode.mem)
    return `${place} = ${fromRegister ? `r${code.source(index)}` : code.immediate(index)}`;
  if (mode !== MemMode.atomic || !fromRegister) return unknown(code, index);
  const source = `r${code.source(index)}`;
  const operation = code.immediate(index);
  const address = place.slice(1);
  const prefix = `atomic${width === '64' ? '64' : ''}`;
  if (operation === Atomic.xchg) return `${source} = ${prefix}_xchg(${address}, ${source})`;
  if (operation === Atomic.cmpxchg) return `r0 = ${prefix}_cmpxchg(${address}, r0, ${source})`;
  const names = atomicNames[operation & ~Atomic.fetch];
  if (names === undefined) return unknown(code, index);
  if ((operation & Atomic.fetch) === 0) return `lock ${place} ${names[0]} ${source}`;
  return `${source} = ${prefix}_fetch_${names[1]}(${address}, ${source})`;
}
