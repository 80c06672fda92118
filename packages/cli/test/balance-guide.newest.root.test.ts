/**
 * The commands of docs/balance-guide.md, typed as they are printed there, each on the machine that they are for: reals with both ends of
 * a tunnel, the balancer, and the router.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Namespace, unshare, withNetns } from '@weir/ebpf/sys';
import {
  connectNamespaces,
  makeNamespace,
  runIp,
  withoutChecksumOffload,
} from '../src/balance/try/namespaces.js';
import { balance } from './support/balance.js';
import { bin } from './support/command.js';

if (process.getuid?.() !== 0) throw new Error('this test makes network namespaces: it needs root');

const run = promisify(execFile);
const VIP = '198.51.100.1';
const folder = mkdtempSync(join(tmpdir(), 'weir-guide-'));
const file = join(folder, 'balance.yaml');

// A BPF file system and a /run of this test's own. Its first namespace is the router's, with all others on a bridge.
unshare(Namespace.mount);
execFileSync('mount', ['--make-rprivate', '/']);
execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
unshare(Namespace.net);
writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
for (const line of [
  'link set lo up',
  'link add br0 type bridge',
  'address add 10.0.0.1/24 dev br0',
  'link set br0 up',
])
  runIp(line);

/** A machine whose eth0 is in the network of the router. */
function machine(address: string): number {
  const namespace = makeNamespace();
  // The namespaces' defaults would hide what the guide says of return paths.
  withNetns(namespace, () => {
    for (const name of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, '1');
  });
  const port = `p${address.split('.')[3]}`;
  runIp(`link add ${port} type veth peer name eth0 netns /proc/${process.pid}/fd/${namespace}`);
  runIp(`link set ${port} master br0 up`);
  withoutChecksumOffload(port);
  withNetns(namespace, () => {
    runIp(`address add ${address}/24 dev eth0`);
    runIp('link set eth0 up');
    withoutChecksumOffload('eth0');
    runIp('route add default via 10.0.0.1');
  });
  return namespace;
}

const balancer = machine('10.0.0.10');
const reals = { a: machine('10.0.0.11'), b: machine('10.0.0.12') };
const client = makeNamespace();
connectNamespaces({ device: 'c0', network: '9.0' }, client, 'eth0');

/** Each section's commands, in their order, and the configuration. */
const guide = readFileSync(
  fileURLToPath(new URL('../../../../docs/balance-guide.md', import.meta.url)),
  'utf8',
);
const sections = new Map(
  guide
    .split(/^## /m)
    .map((text) => [
      text.slice(0, text.indexOf('\n')),
      [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/^ {4}(\S.*)$/gm)].map(([, line]) => line!),
    ]),
);
const lines = (section: string, like: RegExp) => {
  const found = (sections.get(section) ?? []).filter((line) => like.test(line));
  assert.notEqual(found.length, 0, `no command of "${section}" is like ${like}`);
  return found;
};
const typed = new Set<string>();

const shim = join(folder, 'bin');
mkdirSync(shim);
writeFileSync(join(shim, 'weir'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, { mode: 0o755 });
const env = { ...process.env, PATH: `${shim}:/usr/sbin:/sbin:${process.env.PATH}` };

/** Types a section's commands of a kind on a machine, with what else is given, and returns what they print. */
async function type(
  namespace: number | undefined,
  section: string,
  like: RegExp,
  more = '',
): Promise<string> {
  let printed = '';
  for (const line of lines(section, like)) {
    typed.add(line);
    const command = line
      .replaceAll('/etc/weir/balance.yaml', file)
      .replace('drops.pcapng', join(folder, 'drops.pcapng'));
    const start = () => ({ ended: run('sh', ['-c', command + more], { env }) });
    const { ended } = namespace === undefined ? start() : withNetns(namespace, start);
    printed += (await ended).stdout;
  }
  return printed;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, what);
    await sleep(100);
  }
}

const ask = `require('http').get({ host: '${VIP}', agent: false }, (r) => r.pipe(process.stdout)).on('error', (e) => { console.log(e.code) })`;
const answer = async () =>
  (await withNetns(client, () => ({ ended: run(process.execPath, ['-e', ask]) })).ended).stdout;

const servers: Server[] = [];
let running: ReturnType<typeof spawn> | undefined;

before(() => {
  for (const [name, namespace] of Object.entries(reals))
    withNetns(namespace, () => {
      servers.push(createServer((_, response) => response.end(name)).listen(80));
    });
});
after(async () => {
  for (const server of servers) server.close();
  if (running?.exitCode === null) {
    const ended = new Promise((resolve) => running!.once('exit', resolve));
    running.kill('SIGTERM');
    await ended;
  }
  rmSync(folder, { recursive: true });
});

/** A tunnel device of the kernel's, which this machine's own kernel may lack. */
const hasTunnels = withNetns(reals.b, () => {
  try {
    return statSync('/proc/sys/net/ipv4/conf/tunl0').isDirectory();
  } catch {
    return false;
  }
});

describe('the guide from nothing to a balancer', () => {
  it('sets up reals, with Weir at the end of the tunnel or the kernel', async () => {
    for (const real of Object.values(reals)) {
      await type(real, 'The reals', /^ip address/);
      await type(real, 'The reals', /arp_ignore/);
    }
    await type(reals.a, 'The reals', /^weir balance decapsulate/);
    if (hasTunnels) {
      await type(reals.b, 'The reals', /^ip link set tunl0/);
      await type(reals.b, 'The reals', /rp_filter/);
    } else {
      for (const line of lines('The reals', /tunl0/)) typed.add(line);
      // The machines of this test share one BPF file system, in which the first has the default's name.
      await type(reals.b, 'The reals', /^weir balance decapsulate/, ' --name b');
    }
    // The lab's guests have loaded it; a machine does so by itself or says that it cannot.
    for (const line of lines('The reals', /^modprobe/)) typed.add(line);
  });

  it('sets up the balancer, whose checks go through the tunnel', async () => {
    const [, yaml] = /^```yaml\n(.*?)^```/ms.exec(guide)!;
    // Pairs of virtual devices lose what XDP sends natively, unless the other end has XDP, too.
    writeFileSync(file, yaml!.replace('interface: eth0', 'interface: eth0\nmode: generic'));
    await type(balancer, 'The balancer', /^weir balance check/);
    const [start] = lines('The balancer', /^weir balance run/);
    typed.add(start!);
    running = withNetns(balancer, () =>
      spawn('sh', ['-c', `exec ${start!.replace('/etc/weir/balance.yaml', file)}`], { env, stdio: 'ignore' }),
    );
    await type(undefined, 'The balancer', /^ip route/);
    const up = async () => {
      const { code, stdout } = await balance('status', '--name', 'edge', '--interval', '1ms');
      return code === 0 && [...stdout.matchAll(/^ {2}[ab] .* up /gm)].length === 2;
    };
    await until('both reals are up', up);
  });

  it('has clients reach both reals', async () => {
    const answers = new Set<string>();
    await until('both reals answer', async () => {
      answers.add(await answer());
      return answers.has('a') && answers.has('b');
    });
    assert.deepEqual([...answers].sort(), ['a', 'b']);
  });

  it('shows where a flow goes, and what is dropped', async () => {
    assert.match(
      await type(undefined, 'What goes wrong, and how it shows', /^weir balance lookup/),
      /real [ab] /,
    );
    await type(undefined, 'What goes wrong, and how it shows', /^weir balance capture/);
    assert.ok(statSync(join(folder, 'drops.pcapng')).size > 0);
  });

  it('has no command besides', () => {
    const all = [...sections.values()].flat().filter((line) => line !== 'weir balance try');
    assert.deepEqual(
      all.filter((line) => !typed.has(line)),
      [],
    );
  });
});
