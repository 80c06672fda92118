/** Has the kernel make connections of its own (lab/load/README.md). */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { withNetns } from '@weir/ebpf/sys';
import { loadProgram } from './load.js';
import type { TestNetns } from './netns.js';
import { MSG_DONTWAIT, RawSocket } from './raw-sockets.js';

const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const PATIENCE_S = 10;

/** A process that asks the kernel for connections, and waits for as long as the kernel does. */
export class KernelClient implements Disposable {
  static readonly comm = 'kernel-clients'.slice(0, 15);
  readonly #child: ChildProcess;

  constructor(netns: TestNetns, ...args: readonly string[]) {
    const program = join(dirname(loadProgram()), 'kernel-clients');
    this.#child = spawn(program, [`/run/netns/${netns.name}`, ...args], { stdio: 'ignore' });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Kills it, and waits for its end. */
  async kill(): Promise<void> {
    const ended = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this[Symbol.dispose]();
    await ended;
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}

/** A server in a namespace that reads, and never answers. It has one connection at a time. */
export class SilentServer implements Disposable {
  readonly #listener: RawSocket;
  #connection: RawSocket | undefined;
  #received = 0;

  constructor(netns: TestNetns, port: number) {
    this.#listener = withNetns(`/run/netns/${netns.name}`, () =>
      RawSocket.tcp()
        .setOption(SOL_SOCKET, SO_RCVTIMEO, [PATIENCE_S, ...new Array<number>(15).fill(0)])
        .bind('127.0.0.1', port)
        .listen(),
    );
  }

  /** Waits for the next connection. */
  accept(): void {
    this.#connection = this.#listener.accept();
    this.#received = 0;
  }

  /** Payload bytes that have come so far. */
  get received(): number {
    const bytes = this.#connection?.receive(1 << 16, MSG_DONTWAIT) ?? 0;
    if (bytes > 0) this.#received += bytes;
    return this.#received;
  }

  /** Closes the connection, once its client has. */
  close(): void {
    assert.equal(this.#connection?.receive(1 << 16), 0, 'the end of the connection');
    this.#connection?.[Symbol.dispose]();
    this.#connection = undefined;
  }

  [Symbol.dispose](): void {
    this.#connection?.[Symbol.dispose]();
    this.#listener[Symbol.dispose]();
  }
}
