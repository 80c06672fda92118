/** The calling thread's name in the kernel (comm), by which programs recognise it in every pid namespace. */
import { createArena, syscall } from '@weir/ebpf/sys';
import { randomHex } from './random.js';

/** TASK_COMM_LEN, with the NUL at the end. */
const TASK_COMM_LEN = 16;
const PR_SET_NAME = 15;
const PR_GET_NAME = 16;

/** Gives the calling thread a random name; disposing restores its former name. */
export class BorrowedName implements Disposable {
  readonly name = randomHex(TASK_COMM_LEN - 1);
  readonly #former: Uint8Array;

  constructor() {
    const { address, bytes } = arena();
    syscall('prctl', PR_GET_NAME, address, 0, 0, 0);
    this.#former = bytes.slice();
    set(Buffer.from(`${this.name}\0`, 'latin1'));
  }

  [Symbol.dispose](): void {
    set(this.#former);
  }
}

function set(name: Uint8Array): void {
  const { address, bytes } = arena();
  bytes.set(name);
  syscall('prctl', PR_SET_NAME, address, 0, 0, 0);
}

let shared: ReturnType<typeof createArena> | undefined;

function arena(): NonNullable<typeof shared> {
  shared ??= createArena(TASK_COMM_LEN);
  return shared;
}
