/** Health checks through the tunnel, with real packets. */
import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createArena, syscall, withNetns } from '@weir/ebpf/sys';
import { ProbeTunnel } from '../src/index.js';
import { BALANCER_DEVICE, makeNetwork, VIP } from './support/network.js';

const { balancer, reals } = makeNetwork(2);
const arena = createArena(32);

/** Sends a datagram from the balancer to the VIP, by a socket with a mark. */
function sendMarked(mark: number): void {
  withNetns(balancer, () => {
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

function arrived(): number[] {
  return reals.map(({ decapsulator }) => Number(decapsulator.packets));
}

/** Sends until the real with this index has received one more datagram; no other real may. */
async function reaches(mark: number, index: number): Promise<void> {
  const before = arrived();
  const deadline = Date.now() + 60_000;
  while (arrived()[index]! <= before[index]!) {
    assert.ok(Date.now() < deadline, `mark ${mark} reaches real ${index}: ${arrived().join(' ')}`);
    sendMarked(mark);
    await sleep(20);
  }
  const others = arrived().filter((_, i) => i !== index);
  assert.deepEqual(
    others,
    before.filter((_, i) => i !== index),
  );
}

describe('probes', () => {
  for (const gue of [undefined, {}]) {
    it(`probes reach their mark's real ${gue === undefined ? 'by IP in IP' : 'by GUE'}`, async () => {
      const options = { interfaces: [BALANCER_DEVICE], source4: '10.1.0.2' };
      using tunnel = withNetns(balancer, () =>
        ProbeTunnel.open(gue === undefined ? options : { ...options, gue }),
      );
      tunnel.set(7, reals[0]!.address);
      tunnel.set(8, reals[1]!.address);
      await reaches(7, 0);
      await reaches(8, 1);
      tunnel.set(8, reals[0]!.address);
      await reaches(8, 0);
      tunnel.set(7, undefined);
      const before = arrived();
      sendMarked(7);
      await reaches(8, 0);
      assert.equal(arrived()[1], before[1]);
    });
  }

  it("probes need a mark, and a source of their real's family", () => {
    using tunnel = ProbeTunnel.open({ interfaces: [], source4: '10.1.0.2' });
    assert.throws(
      () => tunnel.set(1, 'fd00::1'),
      /fd00::1: checks through the tunnel to reals with IPv6 need .*, probes\.source6$/,
    );
    assert.throws(() => tunnel.set(0, '10.0.0.1'), /mark 0: expected 1 to 4294967295/);
  });
});
