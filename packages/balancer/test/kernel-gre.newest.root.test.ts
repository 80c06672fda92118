/** The kernel's own tunnel devices on a real, `gre` and `ip6gre`, receive clients' packets and health checks of both families. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createArena, syscall, withNetns } from '@weir/ebpf/sys';
import { Balancer, ProbeTunnel } from '../src/index.js';
import { BALANCER_DEVICE, connect, ip, makeNetwork, newNamespace, VIP } from './support/network.js';

const VIP6 = '2001:db8::1';
const REAL4 = '10.2.1.2';
const REAL6 = 'fd00:2::2';
const { balancer: namespace } = makeNetwork(0);
const real = newNamespace();

/** Guests have the devices; this machine's kernel may lack them. */
function hasGre(): boolean {
  if (process.env.WEIR_LAB_KERNEL !== undefined) return true;
  try {
    withNetns(newNamespace(), () =>
      execFileSync('ip', ['link', 'add', 'g', 'type', 'gre'], { stdio: 'pipe' }),
    );
    return true;
  } catch {
    return false;
  }
}

function prepare(): void {
  writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  ip('address add fd00:1::1/64 dev c0 nodad');
  ip(`-6 route add ${VIP6} via fd00:1::2`);
  withNetns(namespace, () => {
    ip(`address add fd00:1::2/64 dev ${BALANCER_DEVICE} nodad`);
    ip('-6 route add default via fd00:1::1');
  });
  connect('c1', '10.2.1.1', real, 'r0', REAL4);
  ip('address add fd00:2::1/64 dev c1 nodad');
  withNetns(real, () => {
    ip(`address add ${REAL6}/64 dev r0 nodad`);
    ip('-6 route add default via fd00:2::1');
    ip(`link add g4 type gre local ${REAL4} remote any`);
    ip(`link add g6 type ip6gre local ${REAL6} remote ::`);
    for (const device of ['g4', 'g6']) ip(`link set ${device} up`);
    ip(`address add ${VIP}/32 dev lo`);
    ip(`address add ${VIP6}/128 dev lo nodad`);
  });
}

// A client's FIN may find no balancer any more.
const server = createServer((socket) => socket.end('answered', () => socket.destroy()));
before(() => {
  withNetns(real, () => server.listen(80));
});
after(() => server.close());

const arena = createArena(32);

/** Sends a datagram from the balancer to the VIP, by a socket with a mark. */
function sendMarked(mark: number): void {
  withNetns(namespace, () => {
    const socket = syscall('socket', 2, 2, 0);
    try {
      arena.view.setUint32(0, mark, true);
      syscall('setsockopt', socket, 1, 36, arena.address, 4);
      arena.bytes.set([2, 0, 0, 9, ...VIP.split('.').map(Number)]);
      syscall('sendto', socket, arena.address, 8, 0, arena.address, 16);
    } finally {
      closeSync(socket);
    }
  });
}

function request(host: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = dial({ host, port: 80 });
    let text = '';
    socket.setTimeout(60_000, () => socket.destroy(new Error(`${host} does not answer`)));
    socket
      .on('data', (bytes) => (text += bytes))
      .on('end', () => done(text))
      .on('error', fail);
  });
}

it("the kernel's tunnel devices receive packets and checks by GRE", async (context) => {
  if (!hasGre()) return context.skip("this machine's kernel has no device of the type gre");
  prepare();
  using balancer = withNetns(namespace, () =>
    Balancer.open({ interface: BALANCER_DEVICE, gre: true, flows: 1000, maxGlobalFlows: 16 }),
  );
  using tunnel = withNetns(namespace, () =>
    ProbeTunnel.open({
      interfaces: [BALANCER_DEVICE],
      source4: '10.1.0.2',
      source6: 'fd00:1::2',
      gre: true,
    }),
  );
  const received = () =>
    withNetns(real, () =>
      ['g4', 'g6'].map((device) => {
        const [{ stats64 }] = JSON.parse(ip(`-s -j link show ${device}`)) as [
          { stats64: { rx: { packets: number } } },
        ];
        return stats64.rx.packets;
      }),
    );
  for (const [i, address] of [REAL4, REAL6].entries()) {
    for (const vip of [VIP, VIP6]) {
      const before = received()[i]!;
      balancer.setService({ address: vip, port: 80, protocol: 'tcp' }, { reals: [{ address }] });
      for (let n = 0; n < 3; n++) assert.equal(await request(vip), 'answered');
      assert.ok(received()[i]! >= before + 9, `${vip} by ${address}: ${received().join(' ')}`);
    }
  }
  const { transmitted, encapsulationFailed } = balancer.counters();
  assert.ok(transmitted >= 36, `${transmitted}`);
  assert.equal(encapsulationFailed, 0);

  for (const [i, address] of [REAL4, REAL6].entries()) {
    tunnel.set(7, address);
    const first = received()[i]!;
    for (const deadline = Date.now() + 60_000; received()[i]! <= first; await sleep(20)) {
      assert.ok(Date.now() < deadline, `a check by ${address}`);
      sendMarked(7);
    }
  }
});
