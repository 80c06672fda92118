/** The two ends of connections between network namespaces, each a process of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TestNetns } from './netns.js';

const program = fileURLToPath(new URL('./talk-program.js', import.meta.url));

/** A process in a namespace that answers, a line for a line. */
class Talker implements Disposable {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #interface: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor(netns: TestNetns) {
    // `ip netns exec` becomes the program: the pid is the program's.
    const args = ['netns', 'exec', netns.name, process.execPath, program];
    this.#child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.pid = this.#child.pid!;
    this.#interface = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  async ask(request: object): Promise<unknown> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#lines.next();
    assert.ok(done !== true, 'the process ended before its time');
    return JSON.parse(value);
  }

  [Symbol.dispose](): void {
    this.#interface.close();
    this.#child.kill('SIGKILL');
  }
}

/** Whether no TCP socket in the process's network namespace is in any state but LISTEN and TIME_WAIT. */
function isSettled(pid: number): boolean {
  const sockets = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8').trim().split('\n').slice(1),
  );
  return sockets.every((line) => ['0A', '06'].includes(line.trim().split(/ +/)[3]!));
}

/** A server in one namespace and a client in another. */
export class Talk implements Disposable {
  readonly #server: Talker;
  readonly #client: Talker;

  constructor(server: TestNetns, client: TestNetns) {
    this.#server = new Talker(server);
    this.#client = new Talker(client);
  }

  get serverPid(): number {
    return this.#server.pid;
  }

  get clientPid(): number {
    return this.#client.pid;
  }

  async listen(address: string, port: number): Promise<void> {
    await this.#server.ask({ listen: { host: address, port } });
  }

  /**
   * Connects from each of these ports, one after the other, and sends 5 bytes, which come back. Returns once the kernel
   * is done with the connections of both ends.
   */
  async connect(address: string, port: number, fromPorts: readonly number[]): Promise<void> {
    await this.#client.ask({ connect: { host: address, port }, fromPorts });
    for (const { pid } of [this.#client, this.#server]) while (!isSettled(pid)) await sleep(10);
  }

  [Symbol.dispose](): void {
    this.#server[Symbol.dispose]();
    this.#client[Symbol.dispose]();
  }
}
