/**
 * A client, which is also the router, a balancer and reals with web servers, in network namespaces. This thread is in the client's. All of it
 * ends with this process, however that ends.
 *
 *     client 10.77.0.1 - 10.77.0.2 balancer        client 10.(77+N).0.1 - 10.(77+N).0.2 real N, with the VIP on its lo
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { dirname } from 'node:path';
import { Decapsulator } from '@weir/balancer';
import { defaultSocket, statePath } from '@weir/balancer/control';
import { Namespace, unshare, withNetns } from '@weir/ebpf/sys';
import { connectNamespaces, makeNamespace, prepareNamespace, runIp } from './namespaces.js';

export const VIP = '198.51.100.1';
const BALANCER_NETWORK = 77;

/** Names of the reals, in the file and in what they answer. */
export const realNames = (count: number) => Array.from({ length: count }, (_, index) => 'abcdefgh'[index]!);

const addressOf = (index: number) => `10.${BALANCER_NETWORK + 1 + index}.0.2`;

/**
 * Kills its command when standard input ends, which it does with the process that started it, even by SIGKILL, and removes
 * the files that the two would leave: the command's socket and state, and a folder.
 */
const WATCHED = `socket=$1 state=$2 folder=$3; shift 3
"$@" </dev/null & child=$!
exec 2>/dev/null 3>&-
read -r line
kill -KILL $child
wait $child
rm -rf "$socket" "$state" "$folder"
rmdir "\${socket%/*}"`;

export class Playground implements Disposable {
  /** How often each real has answered since the last {@link resetCounts}; `failed` counts requests without an answer. */
  counts: Map<string, number>;
  /** Resolves with what the balancer has printed, when its process ends. */
  readonly balancerEnded: Promise<string>;
  readonly #names: readonly string[];
  readonly #servers: Server[] = [];
  readonly #balancer: ChildProcess;
  readonly #ready: Promise<void>;

  /** @param file Where the configuration is written. @throws Error of ip(8), SyscallError, EbpfError */
  constructor(reals: number, file: string) {
    this.#names = realNames(reals);
    this.counts = this.#zeros();
    unshare(Namespace.mount);
    execFileSync('mount', ['--make-rprivate', '/']);
    execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
    unshare(Namespace.net);
    prepareNamespace();
    const balancer = makeNamespace();
    connectNamespaces({ device: 'balancer', network: `${BALANCER_NETWORK}.0` }, balancer, 'eth0');
    for (const [index, name] of this.#names.entries()) this.#makeReal(name, index);
    runIp(`route add ${VIP} via 10.${BALANCER_NETWORK}.0.2`);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, configText(this.#names));
    this.#balancer = withNetns(balancer, () => startBalancer(file));
    this.balancerEnded = printedAtEnd(this.#balancer);
    this.#ready = new Promise((resolve) => this.#balancer.stdio[3]!.once('data', () => resolve()));
  }

  /** Resolves once packets are balanced. @throws Error with what the balancer printed */
  async ready(): Promise<void> {
    const ended = this.balancerEnded.then((text) => {
      throw new Error(`the balancer ended: ${text.trim()}`);
    });
    await Promise.race([this.#ready, ended]);
  }

  /** Makes a request to the VIP on a new connection, and counts who answers. */
  request(): void {
    const asked = get({ host: VIP, port: 80, agent: false, timeout: 1000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => this.#count(/real (\w)/.exec(text)?.[1] ?? 'failed'));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer within a second')));
    asked.on('error', () => this.#count('failed'));
  }

  resetCounts(): void {
    this.counts = this.#zeros();
  }

  [Symbol.dispose](): void {
    this.#balancer.stdin!.end();
    for (const server of this.#servers) server.close();
  }

  #zeros(): Map<string, number> {
    return new Map([...this.#names, 'failed'].map((name) => [name, 0]));
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  #makeReal(name: string, index: number): void {
    const namespace = makeNamespace();
    connectNamespaces(
      { device: `real-${name}`, network: `${BALANCER_NETWORK + 1 + index}.0` },
      namespace,
      'eth0',
    );
    withNetns(namespace, () => {
      runIp(`address add ${VIP}/32 dev lo`);
      Decapsulator.open({ interfaces: ['eth0'], addresses: [addressOf(index)] });
      const server = createServer((request, response) => {
        response.end(`real ${name}, to ${request.socket.remoteAddress?.replace('::ffff:', '')}\n`);
      });
      // Without an address the socket is made at once, in this namespace.
      this.#servers.push(server.listen(80));
    });
  }
}

/** `weir balance run` in this thread's namespace. */
function startBalancer(file: string): ChildProcess {
  const command = [process.execPath, process.argv[1]!, 'balance', 'run', file, '--ready-fd', '3'];
  const socket = defaultSocket('try');
  const left = [socket, statePath(socket), dirname(file)];
  return spawn('sh', ['-c', WATCHED, 'sh', ...left, ...command], {
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
}

/** What the balancer has printed when it ends. The shell around it waits for its input, so it shows in standard error. */
function printedAtEnd(child: ChildProcess): Promise<string> {
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve) => child.stderr!.once('end', () => resolve(errors)));
}

function configText(names: readonly string[]): string {
  const reals = names.map((name, index) => `      - { name: ${name}, address: ${addressOf(index)} }`);
  return `# The balancer of "weir balance try". Change it, then: weir balance apply FILE
name: try
interface: eth0
mode: generic
router: 10.${BALANCER_NETWORK}.0.1
options: { flows: 10000 }
vips:
  - name: web
    address: ${VIP}
    port: 80
    protocol: tcp
    reals:
${reals.join('\n')}
    check: { type: http, path: /, interval: 1s, timeout: 500ms, tunnel: true }
`;
}
