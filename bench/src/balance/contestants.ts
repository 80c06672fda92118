/** The balancers that are compared: how each is started, and how it gets other reals. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withNetns } from '@weir/ebpf/sys';
import {
  BALANCER,
  BALANCER_DEVICE,
  BALANCER_PORT,
  CLIENT,
  ip,
  REAL_DEVICE,
  ROUTER_MAC,
  type SwitchedNetwork,
  VIP,
} from './switched-network.js';

/** A balancer that runs. */
export interface Running {
  /** Gives it these reals, and no others. */
  setReals(addresses: readonly string[]): void;
  stop(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  start(network: SwitchedNetwork, folder: string, addresses: readonly string[]): Promise<Running>;
}

type Stop = () => void;

/** Runs a command in the balancer's namespace. */
function inBalancer(network: SwitchedNetwork, command: string, args: readonly string[], input = ''): void {
  withNetns(network.balancer, () => {
    execFileSync(command, args, { input, stdio: ['pipe', 'ignore', 'pipe'] });
  });
}

/** The VIP as an address of the balancer itself, for those that need it. */
function ownVip(network: SwitchedNetwork): Stop {
  withNetns(network.balancer, () => ip(`address add ${VIP}/32 dev lo`));
  return () => withNetns(network.balancer, () => ip(`address del ${VIP}/32 dev lo`));
}

/** Weir's programs are loaded only where it is measured. */
async function startWeir(
  network: SwitchedNetwork,
  forwarding: 'tunnel' | 'nat',
  addresses: readonly string[],
): Promise<Running> {
  const { Balancer, Decapsulator } = await import('@weir/balancer');
  // On veth, XDP can send packets only to a device that has a program itself.
  const open = (device: string, own: readonly string[]) =>
    Decapsulator.open({ interfaces: [device], addresses: own });
  const ends = [withNetns(network.switch, () => open(BALANCER_PORT, []))];
  if (forwarding === 'tunnel') {
    for (const { namespace, address } of network.reals)
      ends.push(withNetns(namespace, () => open(REAL_DEVICE, [address])));
  }
  const balancer = withNetns(network.balancer, () =>
    Balancer.open({
      interface: BALANCER_DEVICE,
      routerMac: ROUTER_MAC,
      flows: 200_000,
      ...(forwarding === 'nat' && { nat: { sources: [BALANCER] } }),
    }),
  );
  const setReals = (reals: readonly string[]) =>
    withNetns(network.balancer, () =>
      balancer.setService(
        { address: VIP, port: 80, protocol: 'tcp' },
        { reals: reals.map((address) => ({ address })), forwarding },
      ),
    );
  setReals(addresses);
  return {
    setReals,
    async stop() {
      withNetns(network.balancer, () => balancer.detach());
      for (const end of ends) end[Symbol.dispose]();
    },
  };
}

/** IPVS changes one real after the other. */
function startIpvs(network: SwitchedNetwork, mode: '-g' | '-m', addresses: readonly string[]): Running {
  const ipvsadm = (...args: string[]) => inBalancer(network, 'ipvsadm', args);
  const service = ['-t', `${VIP}:80`];
  // Behind translation, answers must come back through the balancer.
  const routes = (verb: 'add' | 'del') => {
    if (mode !== '-m') return;
    for (const { namespace } of network.reals)
      withNetns(namespace, () => ip(`route ${verb} ${CLIENT} via ${BALANCER}`));
  };
  // First, since it fails on a kernel without IPVS.
  ipvsadm('-A', ...service, '-s', 'rr');
  const removeVip = ownVip(network);
  routes('add');
  let present: readonly string[] = [];
  const setReals = (wanted: readonly string[]) => {
    for (const real of wanted.filter((each) => !present.includes(each)))
      ipvsadm('-a', ...service, '-r', `${real}:80`, mode);
    for (const real of present.filter((each) => !wanted.includes(each)))
      ipvsadm('-d', ...service, '-r', `${real}:80`);
    present = wanted;
  };
  setReals(addresses);
  return {
    setReals,
    async stop() {
      ipvsadm('-C');
      routes('del');
      removeVip();
    },
  };
}

function startNftables(network: SwitchedNetwork, addresses: readonly string[]): Running {
  const rules = (reals: readonly string[]) => {
    const map = reals.map((real, i) => `${i} : ${real}`).join(', ');
    return `table ip web {
      chain pre {
        type nat hook prerouting priority dstnat;
        ip daddr ${VIP} tcp dport 80 dnat to numgen inc mod ${reals.length} map { ${map} }
      }
      chain post { type nat hook postrouting priority srcnat; oif ${BALANCER_DEVICE} masquerade; }
    }`;
  };
  const setReals = (reals: readonly string[]) =>
    inBalancer(network, 'nft', ['-f', '-'], `table ip web\ndelete table ip web\n${rules(reals)}\n`);
  setReals(addresses);
  return {
    setReals,
    async stop() {
      inBalancer(network, 'nft', ['delete', 'table', 'ip', 'web']);
    },
  };
}

/** A proxy process: it writes its configuration anew, and gets a signal. */
async function startProxy(
  network: SwitchedNetwork,
  file: string,
  text: (reals: readonly string[]) => string,
  [command, ...args]: readonly string[],
  signals: { readonly reload: NodeJS.Signals; readonly end: NodeJS.Signals },
  addresses: readonly string[],
): Promise<Running> {
  const removeVip = ownVip(network);
  writeFileSync(file, text(addresses));
  const child = withNetns(network.balancer, () =>
    spawn(command!, args, { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
  return {
    setReals(reals) {
      writeFileSync(file, text(reals));
      child.kill(signals.reload);
    },
    async stop() {
      await ended(child, signals.end);
      removeVip();
    },
  };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

function haproxyText(reals: readonly string[]): string {
  return [
    'defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h',
    `listen web\n bind ${VIP}:80\n balance roundrobin`,
    ...reals.map((real, i) => ` server s${i} ${real}:80`),
    '',
  ].join('\n');
}

function nginxText(folder: string): (reals: readonly string[]) => string {
  return (reals) =>
    [
      'load_module /usr/lib/nginx/modules/ngx_stream_module.so;',
      `user root; worker_processes auto; daemon off; error_log stderr; pid ${folder}/stream.pid;`,
      'events { worker_connections 8192; }',
      `stream { upstream web { ${reals.map((real) => `server ${real}:80;`).join(' ')} }`,
      ` server { listen ${VIP}:80; proxy_pass web; proxy_timeout 1h; } }`,
      '',
    ].join('\n');
}

export const contestants: readonly Contestant[] = [
  {
    name: 'none',
    async start(network) {
      // The client's packets go to the first real at once.
      ip(`route replace ${VIP} via ${network.reals[0]!.address}`);
      return {
        setReals() {},
        async stop() {
          ip(`route replace ${VIP} via ${BALANCER}`);
        },
      };
    },
  },
  { name: 'Weir, tunnel', start: (network, _, reals) => startWeir(network, 'tunnel', reals) },
  { name: 'Weir, NAT', start: (network, _, reals) => startWeir(network, 'nat', reals) },
  { name: 'IPVS, DR', start: async (network, _, reals) => startIpvs(network, '-g', reals) },
  { name: 'IPVS, NAT', start: async (network, _, reals) => startIpvs(network, '-m', reals) },
  { name: 'nftables', start: async (network, _, reals) => startNftables(network, reals) },
  {
    name: 'HAProxy, TCP',
    start(network, folder, reals) {
      const file = join(folder, 'haproxy.cfg');
      const command = ['haproxy', '-W', '-db', '-q', '-f', file];
      return startProxy(network, file, haproxyText, command, { reload: 'SIGUSR2', end: 'SIGTERM' }, reals);
    },
  },
  {
    name: 'nginx, stream',
    start(network, folder, reals) {
      const file = join(folder, 'stream.conf');
      const command = ['nginx', '-e', 'stderr', '-c', file];
      const signals = { reload: 'SIGHUP', end: 'SIGTERM' } as const;
      return startProxy(network, file, nginxText(folder), command, signals, reals);
    },
  },
];
