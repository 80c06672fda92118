/**
 * Libbpf's results for an object's CO-RE relocations, from the debugging log of bpftool. libbpf logs all of them before
 * it loads the first program, so the programs need not be acceptable to the verifier. Needs root and bpftool.
 */
import { spawnSync } from 'node:child_process';
import { poisonHelper } from '../../src/btf/core/patch.js';
import { MemSize, Opcode, sizeBits } from '../../src/insn/insn.js';

/** One change to an instruction, as logged. */
type Change =
  | { readonly kind: 'immediate' | 'offset' | 'wide'; readonly from: bigint; readonly to: bigint }
  | { readonly kind: 'width'; readonly to: number }
  | { readonly kind: 'poison' };

export interface LoggedChange {
  readonly instruction: number;
  readonly change: Change;
}

const linePattern =
  /^libbpf: prog '(\w+)': relo #\d+: (?:patched insn #(\d+) \((\S+)\) (\w+) (\d+) -> (\d+)|substituting insn #(\d+) w\/ invalid insn)$/;

/** The changes libbpf makes, by program. */
export function libbpfChanges(objectPath: string): Map<string, LoggedChange[]> {
  // The loading itself is of no interest: the private mount namespace takes the pins with it.
  const script = 'mount -t bpf bpf /sys/fs/bpf && exec bpftool -d prog loadall "$1" /sys/fs/bpf/oracle';
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', objectPath], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const log = stdout + stderr;
  const changes = new Map<string, LoggedChange[]>();
  for (const line of log.split('\n')) {
    const match = linePattern.exec(line);
    if (match === null) continue;
    const [, program = '', patched, , what, from, to, poisoned] = match;
    const list = changes.get(program) ?? [];
    changes.set(program, list);
    list.push({ instruction: Number(patched ?? poisoned), change: parseChange(what, from, to) });
  }
  if (changes.size === 0) throw new Error(`libbpf relocated nothing:\n${log.slice(-2000)}`);
  return changes;
}

function parseChange(what: string | undefined, from = '0', to = '0'): Change {
  switch (what) {
    case undefined:
      return { kind: 'poison' };
    case 'imm':
      return { kind: 'immediate', from: BigInt(from), to: BigInt(to) };
    case 'off':
      return { kind: 'offset', from: BigInt(from), to: BigInt(to) };
    case 'imm64':
      return { kind: 'wide', from: BigInt(from), to: BigInt(to) };
    case 'mem_sz':
      return { kind: 'width', to: Number(to) };
    default:
      throw new Error(`unknown change in libbpf's log: ${what}`);
  }
}

/** Makes the logged changes in a copy of the instructions (of a little-endian object). */
export function applyChanges(instructions: Uint8Array, changes: readonly LoggedChange[]): Uint8Array {
  const result = instructions.slice();
  const view = new DataView(result.buffer);
  for (const { instruction, change } of changes) {
    const at = instruction * 8;
    switch (change.kind) {
      case 'immediate':
        view.setInt32(at + 4, Number(BigInt.asIntN(32, change.to)), true);
        break;
      case 'offset':
        view.setInt16(at + 2, Number(change.to), true);
        break;
      case 'wide':
        view.setInt32(at + 4, Number(BigInt.asIntN(32, change.to)), true);
        view.setInt32(at + 12, Number(BigInt.asIntN(32, change.to >> 32n)), true);
        break;
      case 'width':
        view.setUint8(at, (view.getUint8(at) & ~MemSize.dw) | sizeBits.get(change.to)!);
        break;
      case 'poison':
        view.setUint32(at, Opcode.call, true);
        view.setInt32(at + 4, poisonHelper, true);
    }
  }
  return result;
}

/** Instructions as lines of text, so that a difference can be read. */
export function disassemble(instructions: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < instructions.length; at += 8) {
    lines.push(`${at / 8}: ${Buffer.from(instructions.subarray(at, at + 8)).toString('hex')}`);
  }
  return lines;
}
