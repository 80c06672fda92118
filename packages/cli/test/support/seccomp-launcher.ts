/**
 * Runs a command under a seccomp filter: `seccomp-launcher.js CALL=ERRNO COMMAND…`. The filter is inherited, like that of a
 * container.
 */
import { spawnSync } from 'node:child_process';
import { arch, constants } from 'node:os';
import { createArena, syscall } from '@weir/ebpf/sys';

const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2;
/** BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K and BPF_RET | BPF_K of classic BPF. */
const opcodes = { load: 0x20, jumpEqual: 0x15, return: 0x06 } as const;
const SECCOMP_RET_ERRNO = 0x0005_0000;
const SECCOMP_RET_ALLOW = 0x7fff_0000;

const numbers: Readonly<Record<string, { readonly x64: number; readonly arm64: number }>> = {
  bpf: { x64: 321, arm64: 280 },
  perf_event_open: { x64: 298, arm64: 241 },
  setns: { x64: 308, arm64: 268 },
};

function deny(call: string, errno: keyof typeof constants.errno): void {
  const number = numbers[call]![arch() as 'x64' | 'arm64'];
  const program: readonly (readonly [code: number, ifTrue: number, ifFalse: number, k: number])[] = [
    // The number of the call is the first member of struct seccomp_data.
    [opcodes.load, 0, 0, 0],
    [opcodes.jumpEqual, 0, 1, number],
    [opcodes.return, 0, 0, SECCOMP_RET_ERRNO | constants.errno[errno]],
    [opcodes.return, 0, 0, SECCOMP_RET_ALLOW],
  ];
  const { address, view } = createArena(16 + program.length * 8);
  // struct sock_fprog, and behind it the instructions.
  view.setUint16(0, program.length, true);
  view.setBigUint64(8, BigInt(address) + 16n, true);
  for (const [i, [code, ifTrue, ifFalse, k]] of program.entries()) {
    const at = 16 + i * 8;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, k, true);
  }
  syscall('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  syscall('prctl', PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address, 0, 0);
}

const [, , rule = '', command = '', ...args] = process.argv;
const [call = '', errno = ''] = rule.split('=');
deny(call, errno as keyof typeof constants.errno);
const { status } = spawnSync(command, args, { stdio: [0, 1, 2, 3] });
process.exitCode = status ?? 1;
