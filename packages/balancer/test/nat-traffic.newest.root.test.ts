/**
 * Translated traffic in namespaces: a client and two HTTP servers on another port, which know nothing of tunnels. Both
 * directions go through the balancer, which asks its host for routes and neighbours.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { withNetns } from '@weir/ebpf/sys';
import { Balancer } from '../src/index.js';
import { BALANCER_DEVICE, BALANCER4, BALANCER6, makeTopology, VIP4, VIP6 } from './support/topology.js';

const { client, reals } = makeTopology(2);
const PORT = 8080;
const DOWNLOAD = 20_000_000;
const children: ChildProcess[] = [];

after(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** Runs Node.js in a namespace, and waits for its first line. */
async function start(namespace: number, script: string): Promise<ChildProcess> {
  const child = withNetns(namespace, () =>
    spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  children.push(child);
  await once(child.stdout!, 'data');
  return child;
}

/** A server that answers with the client's address, or with many bytes of a known pattern. */
function server(name: string): string {
  return `require('http').createServer((request, response) => {
    if (request.url === '/large') return response.end(Buffer.alloc(${DOWNLOAD}, 'weir'));
    response.end('${name} ' + request.socket.remoteAddress);
  }).listen({ port: ${PORT}, host: '::' }, () => console.log('ready'));`;
}

/** A client that sends many requests, each on a new connection, then one for many bytes. It prints the answers. */
function asking(host: string, count: number): string {
  return `console.log('ready');
  const http = require('http');
  const get = (path) => new Promise((done, fail) => http.get({ host: '${host}', path, agent: false }, (response) => {
    const parts = [];
    response.on('data', (part) => parts.push(part)).on('end', () => done(Buffer.concat(parts)));
  }).on('error', fail).setTimeout(60000, function () { this.destroy(new Error('timeout')) }));
  (async () => {
    const seen = {};
    const ask = async () => {
      for (let i = 0; i < ${count} / 10; i++) {
        const text = (await get('/')).toString();
        seen[text] = (seen[text] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 10 }, ask));
    const large = await get('/large');
    const same = large.equals(Buffer.alloc(${DOWNLOAD}, 'weir'));
    console.log(JSON.stringify({ seen, same }));
  })();`;
}

async function ask(host: string, count: number): Promise<{ seen: Record<string, number>; same: boolean }> {
  const child = withNetns(client, () =>
    spawn(process.execPath, ['-e', asking(host, count)], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  children.push(child);
  let text = '';
  child.stdout!.on('data', (part: Buffer) => (text += part));
  await once(child, 'close');
  return JSON.parse(text.split('\n')[1]!);
}

describe('translated traffic', () => {
  it('translated traffic reaches servers on other ports, and its replies arrive complete', async () => {
    for (const [i, { namespace }] of reals.entries()) await start(namespace, server(`real${i + 1}`));
    for (const family of ['ipv4', 'ipv6']) {
      writeFileSync(`/proc/sys/net/${family}/conf/${BALANCER_DEVICE}/forwarding`, '1');
    }
    using balancer = Balancer.open({
      interface: BALANCER_DEVICE,
      // No such router exists: the host's routes lead to the reals.
      routerMac: '02:00:00:00:00:ee',
      flows: 1000,
      maxGlobalFlows: 64,
      nat: { sources: [BALANCER4, BALANCER6] },
    });
    for (const [vip, own, addresses] of [
      [VIP4, BALANCER4, reals.map(({ address4 }) => address4)],
      [VIP6, BALANCER6, reals.map(({ address6 }) => address6)],
    ] as const) {
      balancer.setService(
        { address: vip, port: 80, protocol: 'tcp' },
        { reals: addresses.map((address) => ({ address, port: PORT })), forwarding: 'nat' },
      );
      const { seen, same } = await ask(vip, 500);
      const who = own.includes(':') ? own.replace('1:0::', '1::') : `::ffff:${own}`;
      assert.deepEqual(Object.keys(seen).sort(), [`real1 ${who}`, `real2 ${who}`]);
      assert.equal(
        Object.values(seen).reduce((sum, times) => sum + times, 0),
        500,
      );
      assert.equal(same, true);
    }
    const { natCreated, natExhausted, natUnknown } = balancer.counters();
    assert.deepEqual([natCreated, natExhausted, natUnknown], [1002, 0, 0]);
  });
});
