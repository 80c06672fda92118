/** Runs in a guest or on this machine: measures each balancer as the plan says and prints each sample as a line. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNetns } from '@weir/ebpf/sys';
import {
  type BalancePlan,
  type BalanceSample,
  balancePrefix,
  balanceVariable,
  type ChangeSample,
} from '../balance/balance-plan.js';
import { type Contestant, contestants, type Running } from '../balance/contestants.js';
import { askAll, type HeldConnection, holdConnections } from '../balance/held-connections.js';
import { requestLoad } from '../balance/request-load.js';
import {
  leaveSwitchedNetwork,
  makeSwitchedNetwork,
  type RealHost,
  type SwitchedNetwork,
  VIP,
} from '../balance/switched-network.js';
import { loadOnDemand } from './on-demand.js';

/** Reals from the start, and with the one that is added. */
const REALS = 2;
const MORE_REALS = 3;
const readyMs = 60_000;

const plan = JSON.parse(process.env[balanceVariable]!) as BalancePlan;
const folder = mkdtempSync(join(tmpdir(), 'weir-balance-'));

function emit(sample: BalanceSample): void {
  process.stdout.write(`${balancePrefix}${JSON.stringify(sample)}\n`);
}

/** A web server that answers with the real's number. */
function serve({ namespace }: RealHost, number: number): ChildProcess {
  const place = join(folder, `real${number}`);
  mkdirSync(place, { recursive: true });
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const file = join(place, 'nginx.conf');
  writeFileSync(
    file,
    [
      `user root; worker_processes 1; daemon off; error_log stderr; pid ${place}/pid;`,
      'events { worker_connections 8192; }',
      'http { access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;',
      ...kinds.map((kind) => ` ${kind}_temp_path ${place}/${kind};`),
      ` server { listen 80 backlog=4096; location / { return 200 "${number}"; } } }`,
      '',
    ].join('\n'),
  );
  return withNetns(namespace, () =>
    spawn('nginx', ['-e', 'stderr', '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
}

async function endServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
}

/** Waits until new connections get to each of the first reals. */
async function ready(reals: number): Promise<void> {
  const seen = new Set<number>();
  for (const deadline = Date.now() + readyMs; seen.size < reals; await sleep(100)) {
    if (Date.now() > deadline) throw new Error(`only ${seen.size} of ${reals} reals answer`);
    const held = await holdConnections(VIP, 8);
    for (const { real } of held) if (real !== undefined) seen.add(real);
    for (const each of held) each.close();
  }
}

const broken = (held: readonly HeldConnection[]) => held.filter(({ isBroken }) => isBroken).length;

async function change(
  running: Running,
  addresses: readonly string[],
  at: Pick<ChangeSample, 'balancer' | 'round'>,
): Promise<void> {
  const held = await holdConnections(VIP, plan.held);
  running.setReals(addresses);
  await ready(MORE_REALS);
  await askAll(held);
  const byAdding = broken(held);
  held.push(...(await holdConnections(VIP, plan.held)));
  const going = held.filter(({ isBroken }) => !isBroken);
  const own = going.filter(({ real }) => real === MORE_REALS);
  const others = going.filter(({ real }) => real !== MORE_REALS);
  running.setReals(addresses.slice(0, REALS));
  await sleep(1000);
  await askAll(going);
  emit({
    ...{ kind: 'change', ...at, byAdding, byRemoving: broken(others) },
    ...{ own: broken(own), ownAll: own.length },
  });
  for (const each of held) each.close();
}

/** Each balancer has namespaces of its own, so that it meets no connections of another one. */
async function measureAlone(contestant: Contestant, round: number): Promise<void> {
  const network = makeSwitchedNetwork(MORE_REALS);
  const servers = network.reals.map((real, i) => serve(real, i + 1));
  try {
    await measure(contestant, network, round);
  } finally {
    for (const server of servers) await endServer(server);
    leaveSwitchedNetwork(network);
  }
}

async function measure(contestant: Contestant, network: SwitchedNetwork, round: number): Promise<void> {
  const { name: balancer } = contestant;
  const addresses = network.reals.map(({ address }) => address);
  const isNone = balancer === 'none';
  const running = await contestant.start(network, folder, addresses.slice(0, REALS));
  try {
    await ready(isNone ? 1 : REALS);
    for (const kind of ['kept', 'new'] as const)
      emit({ kind, balancer, round, ...(await requestLoad(plan.seconds, kind === 'new')) });
    if (!isNone) await change(running, addresses, { balancer, round });
  } finally {
    await running.stop();
  }
}

loadOnDemand(['ip_vs_rr', 'nft_numgen']);
const failed = new Set<string>();
for (let round = 0; round < plan.rounds; round++) {
  const wanted = contestants.filter(({ name }) => plan.names.some((part) => name.includes(part)));
  for (const contestant of round % 2 === 0 ? wanted : wanted.reverse()) {
    if (failed.has(contestant.name)) continue;
    try {
      await measureAlone(contestant, round);
    } catch (error) {
      failed.add(contestant.name);
      const message = error instanceof Error ? error.message : String(error);
      emit({ kind: 'failure', balancer: contestant.name, message });
    }
  }
}
rmSync(folder, { recursive: true });
process.exit(0);
