/** Servers in the kernel: an NVMe target, nfsd, and ksmbd. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf/sys';
import { loadProgram } from './load.js';
import type { TestNetns } from './netns.js';

/** Runs a script of busybox's shell. */
async function runShell(script: string): Promise<void> {
  const child = spawn('busybox', ['sh', '-ec', script], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = await once(child, 'exit');
  assert.equal(status, 0, script);
}

const CONFIG = '/sys/kernel/config/nvmet';
const NAME = 'weir-test';

/** A target without disks, in a network namespace. */
export class NvmeTarget implements AsyncDisposable {
  readonly #netns: TestNetns;
  readonly #port: number;

  private constructor(netns: TestNetns, port: number) {
    this.#netns = netns;
    this.#port = port;
  }

  static async start(netns: TestNetns, port: number): Promise<NvmeTarget> {
    if (!existsSync(CONFIG)) await runShell('mount -t configfs configfs /sys/kernel/config');
    const folder = `${CONFIG}/ports/1`;
    mkdirSync(`${CONFIG}/subsystems/${NAME}`);
    mkdirSync(folder);
    writeFileSync(`${CONFIG}/subsystems/${NAME}/attr_allow_any_host`, '1');
    const settings = { adrfam: 'ipv4', trtype: 'tcp', traddr: '127.0.0.1', trsvcid: `${port}` };
    for (const [name, value] of Object.entries(settings)) writeFileSync(`${folder}/addr_${name}`, value);
    const target = new NvmeTarget(netns, port);
    target.#inside(() => symlinkSync(`${CONFIG}/subsystems/${NAME}`, `${folder}/subsystems/${NAME}`));
    return target;
  }

  #inside(body: () => void): void {
    withNetns(`/run/netns/${this.#netns.name}`, body);
  }

  /** Connects the host in this kernel to it, from this process: two connections. @returns what ends them. */
  connect(): () => void {
    const before = new Set(readdirSync('/sys/class/nvme'));
    const options = `transport=tcp,traddr=127.0.0.1,trsvcid=${this.#port},nqn=${NAME},nr_io_queues=1`;
    this.#inside(() => writeFileSync('/dev/nvme-fabrics', options, { flag: 'r+' }));
    const [controller] = readdirSync('/sys/class/nvme').filter((name) => !before.has(name));
    return () => writeFileSync(`/sys/class/nvme/${controller}/delete_controller`, '1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    unlinkSync(`${CONFIG}/ports/1/subsystems/${NAME}`);
    rmdirSync(`${CONFIG}/ports/1`);
    rmdirSync(`${CONFIG}/subsystems/${NAME}`);
  }
}

/** Confirms whatever it is asked to register, as rpcbind does: nfsd would not start without. */
async function startPortmap(): Promise<Server> {
  const server = createServer((socket) => {
    let waiting = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      waiting = Buffer.concat([waiting, data]);
      while (waiting.length >= 4) {
        const end = 4 + (waiting.readUInt32BE(0) & 0x7fff_ffff);
        if (waiting.length < end) return;
        // A reply that is accepted, with success, and true.
        socket.write(rpcMessage(waiting.readUInt32BE(4), 1, 0, 0, 0, 0, 1));
        waiting = waiting.subarray(end);
      }
    });
  }).listen(111, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A whole record of ONC RPC (RFC 5531). */
function rpcMessage(...words: readonly number[]): Buffer {
  const message = Buffer.alloc(4 + 4 * words.length);
  message.writeUInt32BE((0x8000_0000 | (4 * words.length)) >>> 0, 0);
  for (const [index, word] of words.entries()) message.writeUInt32BE(word, 4 + 4 * index);
  return message;
}

const NFS_PROGRAM = 100_003;

/** Payload of a request to a server, and of its answer. */
interface Exchange {
  readonly sent: number;
  readonly received: number;
}

/** Starts nfsd, calls its procedure that does nothing, and ends both. */
export async function callNfsd(port: number): Promise<Exchange> {
  const portmap = await startPortmap();
  try {
    await runShell(`grep -q /proc/fs/nfsd /proc/mounts || mount -t nfsd nfsd /proc/fs/nfsd
      cd /proc/fs/nfsd; echo tcp ${port} >portlist; echo 1 >threads`);
    const socket = connect(port, '127.0.0.1');
    const call = rpcMessage(7, 0, 2, NFS_PROGRAM, 4, 0, 0, 0, 0, 0);
    socket.write(call);
    const [reply] = (await once(socket, 'data')) as [Buffer];
    socket.end();
    await once(socket, 'close');
    await runShell('echo 0 >/proc/fs/nfsd/threads');
    return { sent: call.length, received: reply.length };
  } finally {
    portmap.close();
  }
}

/** A request of SMB 2.1 that negotiates the protocol: its length, header, and body. */
function smbNegotiation(): Buffer {
  const message = Buffer.alloc(4 + 64 + 36 + 2);
  message.writeUInt32BE(message.length - 4, 0);
  message.write('\xfeSMB', 4, 'latin1');
  message.writeUInt16LE(64, 8);
  message.writeUInt16LE(36, 68);
  // One dialect, and that packets may be signed.
  message.writeUInt16LE(1, 70);
  message.writeUInt16LE(1, 72);
  message.writeUInt16LE(0x0210, 104);
  return message;
}

/** Connects as soon as somebody listens. */
async function connectTo(port: number): Promise<Socket> {
  for (const deadline = performance.now() + 60_000; ; await sleep(20)) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

/** Starts ksmbd, negotiates with it, and ends both. */
export async function callKsmbd(port: number): Promise<Exchange> {
  const daemon = spawn(join(dirname(loadProgram()), 'smb-server'), [`${port}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(daemon, 'exit');
  await Promise.race([once(daemon.stdout, 'data'), ended]);
  const socket = await connectTo(port);
  const request = smbNegotiation();
  socket.write(request);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.equal(answer.length, 4 + answer.readUInt32BE(0));
  socket.end();
  await once(socket, 'close');
  daemon.stdin.end();
  assert.deepEqual(await ended, [0, null]);
  return { sent: request.length, received: answer.length };
}
