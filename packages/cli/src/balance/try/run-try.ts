/** `weir balance try`. */
import { openSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { ControlClient, defaultSocket, statePath } from '@weir/balancer/control';
import { ExitCode } from '../../failure.js';
import type { Output } from '../../output/output.js';
import type { RunHost } from '../../run-host.js';
import { Interruption } from '../../trace/interruption.js';
import { announceReady } from '../../trace/ready.js';
import type { TryFlags } from '../requests.js';
import { Playground, VIP } from './playground.js';

const FILE = '/run/weir-try/balance.yaml';
const SECOND_MS = 1000;

/** Runs until a signal. @throws Error if another one runs, or for what does not work on this host */
export async function runTry(flags: TryFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const socket = defaultSocket('try');
  await refuseSecond(socket);
  let end: () => void = () => undefined;
  const interrupted = new Promise<void>((resolve) => {
    end = resolve;
  });
  using interruption = new Interruption(host.signals, end, (code) => host.exit(code));
  try {
    using playground = new Playground(flags.reals, FILE);
    const client = openSync('/proc/thread-self/ns/net', 'r');
    await playground.ready();
    await stdout.write(instructions(client));
    if (flags.readyFd !== undefined) announceReady(flags.readyFd);
    using _timers = traffic(playground, flags.rate, stdout);
    const died = playground.balancerEnded.then((text) => {
      if (interruption.received === undefined) throw new Error(`the balancer ended: ${text.trim()}`);
    });
    await Promise.race([interrupted, died]);
  } finally {
    for (const path of [socket, statePath(socket), FILE]) rmSync(path, { force: true });
    rmSync(dirname(FILE), { recursive: true, force: true });
    removeIfEmpty(dirname(socket));
  }
  return ExitCode.ok;
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Other balancers of this host have their sockets there, or there is none.
  }
}

/** A killed one leaves its socket, which the next one's balancer replaces; a live one answers. */
async function refuseSecond(socket: string): Promise<void> {
  const isAnswered = await new ControlClient(socket).call('status', { overMs: 1 }).then(
    () => true,
    () => false,
  );
  if (isAnswered)
    throw new Error('"weir balance try" runs already: end it first, with Ctrl-C in its terminal');
}

/** Sends requests, and writes a line a second about who answered. */
function traffic(playground: Playground, rate: number, stdout: Output): Disposable {
  const timers = [
    setInterval(() => {
      const counts = [...playground.counts].map(([name, count]) => `${name} ${String(count).padStart(4)}`);
      playground.resetCounts();
      void stdout.write(`answers in the last second:  ${counts.join('   ')}\n`);
    }, SECOND_MS),
    ...(rate === 0 ? [] : [setInterval(() => playground.request(), SECOND_MS / rate)]),
  ];
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

/** @param client A descriptor of the client's network namespace. */
function instructions(client: number): string {
  return `A client, a balancer and reals run on this machine, in namespaces of their own. In another terminal, as root:

  nsenter --net=/proc/${process.pid}/fd/${client} curl -s http://${VIP}/      ask as the client does: a real answers
  weir balance status --name try                          VIPs, reals, traffic, health
  weir balance drain --name try web a                     let no new connections come to the real a
  weir balance undrain --name try web a                   and let them come again
  weir balance lookup --name try 10.77.0.1:31337 ${VIP}:80     where does this connection go, and why?
  weir balance capture --name try -o try.pcapng --count 20     packets with the reason of each, for Wireshark
  weir balance apply ${FILE}              after you have changed that file

Ctrl-C ends it, and nothing is left.

`;
}
