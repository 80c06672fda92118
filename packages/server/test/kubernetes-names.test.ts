/** Names of Pods and Services, of an API server that the test makes up. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { accessOf } from '@weir/http/kubernetes';
import { KubernetesNames } from '../src/naming/kubernetes-names.js';
import { readObject } from '../src/naming/kubernetes-objects.js';
import { nameBatch } from '../src/naming/name-batch.js';
import { PeerDirectory } from '../src/naming/peer-directory.js';
import { PrefixTable } from '../src/naming/prefix-table.js';
import { decodeColumns } from '../src/wire/decode-batch.js';
import { addRows, BatchEncoder } from '../src/wire/encode-batch.js';
import { batchOf, endRow } from './support/batches.js';
import { ownCertificate } from './support/certificate.js';
import { FakeKubernetes } from './support/fake-kubernetes.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-kubernetes-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const tokenFile = join(folder, 'token');

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(5)) assert.ok(Date.now() < deadline, what);
}

const pod = (podIP: string, more: object = {}) => ({
  spec: {},
  status: { podIP, podIPs: [{ ip: podIP }], ...more },
});
const service = (clusterIP: string) => ({
  spec: { clusterIP, clusterIPs: [clusterIP] },
  status: { loadBalancer: {} },
});

function watch(fake: FakeKubernetes) {
  writeFileSync(tokenFile, `${fake.token}\n`);
  const said: string[] = [];
  const access = accessOf({ server: fake.origin, tokenFile });
  const names = new KubernetesNames({ access, say: (message) => said.push(message), leastWaitMs: 20 });
  return { names, said };
}

describe('names of a cluster', () => {
  it('are those of its list, in pages, and follow what changes', async () => {
    await using fake = await FakeKubernetes.start();
    for (let number = 0; number < 5; number++) fake.put('pods', `web-${number}`, pod(`10.1.0.${number}`));
    fake.put('services', 'web', service('10.96.0.1'));
    fake.put('services', 'headless', service('None'));
    const { names: watched, said } = watch(fake);
    using names = watched;
    await until('all are known', () => fake.watches === 2 && names.nameOf('10.1.0.4') !== undefined);
    assert.equal(names.nameOf('10.1.0.0'), 'web-0.shop.pod');
    assert.equal(names.nameOf('10.96.0.1'), 'web.shop.svc');
    assert.equal(names.nameOf('10.9.9.9'), undefined);
    fake.put('pods', 'api-0', pod('10.1.0.9'));
    await until('a new pod is known', () => names.nameOf('10.1.0.9') === 'api-0.shop.pod');
    // Another pod gets the address before the end of the one that had it is known.
    fake.put('pods', 'api-1', pod('10.1.0.9'));
    fake.remove('pods', 'api-0');
    fake.put('pods', 'web-4', pod('10.1.0.4', { phase: 'Succeeded' }));
    await until('a pod that is over has no name', () => names.nameOf('10.1.0.4') === undefined);
    assert.equal(names.nameOf('10.1.0.9'), 'api-1.shop.pod');
    assert.deepEqual(said, []);
  });

  it('go on from where a watch has ended, and are listed anew where that is too long ago', async () => {
    await using fake = await FakeKubernetes.start();
    fake.put('pods', 'web-0', pod('10.1.0.1'));
    const { names: watched, said } = watch(fake);
    using names = watched;
    await until('it watches', () => fake.watches === 2);
    const lists = () => fake.asked.filter((path) => !path.includes('watch=1')).length;
    const before = lists();
    const version = fake.version;
    await sleep(30);
    fake.endWatches();
    await until('it watches again', () => fake.asked.filter((path) => path.includes('watch=1')).length >= 4);
    assert.equal(lists(), before);
    assert.ok(fake.asked.at(-1)!.endsWith(`resourceVersion=${version}`), fake.asked.at(-1));
    await until('both are back', () => fake.watches === 2);
    fake.put('pods', 'web-1', pod('10.1.0.2'), true);
    fake.oldest = fake.version;
    fake.endWatches();
    await until('the list is read again', () => names.nameOf('10.1.0.2') === 'web-1.shop.pod');
    assert.deepEqual(said, []);
  });

  it('stay as they were while the API is away, or refuses the token, which is read anew', async () => {
    await using fake = await FakeKubernetes.start();
    fake.put('pods', 'web-0', pod('10.1.0.1'));
    const { names: watched, said } = watch(fake);
    using names = watched;
    await until('it watches', () => fake.watches === 2);
    fake.token = 'second';
    fake.endWatches();
    await until('the token is refused', () => said.length === 2);
    assert.match(
      said[0]!,
      /^kubernetes: (?:pods|services): .*status 401; what was known before still counts$/,
    );
    assert.equal(names.nameOf('10.1.0.1'), 'web-0.shop.pod');
    writeFileSync(tokenFile, 'second\n');
    await until('the new token is taken', () => said.length === 4 && fake.watches === 2);
    const { port } = fake;
    await fake.stop();
    await until('the API is away', () => said.length === 6);
    assert.equal(names.nameOf('10.1.0.1'), 'web-0.shop.pod');
    fake.put('pods', 'web-1', pod('10.1.0.2'), true);
    fake.oldest = fake.version;
    await fake.listen(port);
    await until('the API is back', () => names.nameOf('10.1.0.2') !== undefined);
  });

  it('come by TLS from a server whose certificate the file has signed, and from no other', async () => {
    const { cert, key, certificateFile } = ownCertificate(folder);
    await using fake = await FakeKubernetes.start({ cert, key });
    fake.put('pods', 'web-0', pod('10.1.0.1'));
    writeFileSync(tokenFile, fake.token);
    const said: string[] = [];
    const start = (more: { readonly ca?: string }) => {
      const access = accessOf({ server: fake.origin, tokenFile, ...more });
      return new KubernetesNames({ access, say: (message) => said.push(message), leastWaitMs: 20 });
    };
    {
      using _names = start({});
      await until('it does not trust it', () => said.length === 2);
      assert.match(said[0]!, /certificate/);
      assert.deepEqual(fake.asked, []);
    }
    using names = start({ ca: certificateFile });
    await until('it trusts it', () => names.nameOf('10.1.0.1') === 'web-0.shop.pod');
  });

  it('are those of objects that have an address of their own', () => {
    const metadata = { name: 'a', namespace: 'b' };
    const read = (kind: 'pods' | 'services', rest: object) =>
      readObject(kind, { metadata, ...rest })?.addresses;
    assert.deepEqual(read('pods', { spec: { hostNetwork: true }, status: { podIP: '10.0.0.1' } }), []);
    assert.deepEqual(
      read('pods', { status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] } }),
      ['10.0.0.1', 'fd00::1'],
    );
    const spec = {
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1', 'fd00::2'],
      externalIPs: ['192.0.2.1', 5],
    };
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.9' }, { hostname: 'x' }] } };
    assert.deepEqual(read('services', { spec, status }), ['10.96.0.1', 'fd00::2', '192.0.2.1', '192.0.2.9']);
    for (const value of [
      null,
      5,
      {},
      { metadata: { name: 'A b', namespace: 'x' } },
      { metadata: { name: 'a' } },
    ])
      assert.equal(readObject('pods', value), undefined);
  });

  it('become the names of peers, before those by DNS', () => {
    const cluster = { nameOf: (address: string) => ({ '10.0.0.1': 'web.shop.svc' })[address] };
    const directory = new PeerDirectory({ groups: new PrefixTable(), databases: [], cluster });
    const rows = [1, 2, 3].map((number) =>
      endRow(number, { peer_address: `10.0.0.${number}`, ...(number < 3 && { peer_name: `dns${number}` }) }),
    );
    const batch = batchOf(1, rows);
    const encoder = new BatchEncoder();
    addRows(encoder, batch);
    const named = nameBatch(decodeColumns(encoder.finish(batch)), (address) => directory.detailsOf(address));
    assert.deepEqual(
      named.ends!.map(({ peer_name }) => peer_name),
      ['web.shop.svc', 'dns2', undefined],
    );
    const { columns, strings } = named.columns!.ends!;
    const { values, gaps } = columns.get('peer_name')!;
    assert.deepEqual([strings[values[0] as number], strings[values[1] as number]], ['web.shop.svc', 'dns2']);
    assert.equal(gaps![0], 4);
  });

  it('are asked for where a pod is, or the configuration says', () => {
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const account = '/var/run/secrets/kubernetes.io/serviceaccount';
    assert.deepEqual(accessOf({}, environment), {
      server: 'https://[fd00::1]:443',
      tokenFile: `${account}/token`,
      ca: `${account}/ca.crt`,
    });
    assert.throws(() => accessOf({}, {}), { name: 'OptionError', message: /set kubernetes\.server/ });
  });
});
