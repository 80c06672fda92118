/** Measures system calls through koffi and through `node:ffi` in turn, in a Node.js that has both; prints nanoseconds as JSON. */
import { createRequire } from 'node:module';

/** What this needs of both. */
type Syscall<Word> = (...words: Word[]) => unknown;

const getppid = process.arch === 'arm64' ? 173 : 110;
const calls = 100_000;
const rounds = 11;

const word = 'int64_t';
const koffi = createRequire(import.meta.resolve('@weir/ebpf'))('koffi') as {
  load(path: null): { func(name: string, result: string, parameters: readonly string[]): Syscall<number> };
};
const byKoffi = koffi.load(null).func('syscall', word, Array(7).fill(word));

// Not in the types of the oldest Node.js that this compiles for.
const name = 'node:ffi';
const ffi = (await import(name)) as {
  dlopen(
    path: null,
    functions: { syscall: { return: string; arguments: readonly string[] } },
  ): { functions: { syscall: Syscall<bigint> } };
};
const byNode = ffi.dlopen(null, { syscall: { return: 'i64', arguments: Array(7).fill('i64') } }).functions
  .syscall;

function nanoseconds(call: () => unknown): number {
  const began = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) call();
  return Number(process.hrtime.bigint() - began) / calls;
}

const koffiNs: number[] = [];
const nodeNs: number[] = [];
const number = BigInt(getppid);
for (let round = 0; round < rounds; round++) {
  koffiNs.push(nanoseconds(() => byKoffi(getppid, 0, 0, 0, 0, 0, 0)));
  nodeNs.push(nanoseconds(() => byNode(number, 0n, 0n, 0n, 0n, 0n, 0n)));
}
process.stdout.write(JSON.stringify({ koffiNs, nodeNs }));
