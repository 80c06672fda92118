import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BalancerServices } from '../src/api/services.js';
import { BalancerHistory } from '../src/balancer/balancer-history.js';
import { BalancerLog } from '../src/balancer/balancer-log.js';
import { LookupError, type LookupFailure } from '../src/ingest/pending-lookups.js';
import type { LookupRequest } from '../src/wire/balancer-messages.js';
import { problemOf, startApi } from './support/api.js';
import { seenBalancer, seenReal } from './support/balancers.js';
import { fakeHistory } from './support/fake-history.js';

const START = Date.now() - 120_000;
let folder = '';
let history: BalancerHistory;
let asked: Omit<LookupRequest, 'id'>[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-api-balancers-'));
  history = new BalancerHistory(new BalancerLog(folder, { ageMs: 1e12, bytes: 1e9 }), assert.fail);
  asked = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Looks for a minute: b goes down in the middle. */
function look(): void {
  for (let second = 0; second <= 60; second += 5) {
    const b = seenReal('b', second < 30 ? {} : { condition: 'down', reason: 'refused', ringWeight: 0 });
    history.see({
      at: START + second * 1000,
      balancers: [seenBalancer(10 * second, [seenReal('a'), b])],
    });
  }
}

function start(failure?: LookupFailure) {
  const lookUp: BalancerServices['lookUp'] = async (request) => {
    asked.push(request);
    if (failure !== undefined) throw new LookupError(failure, 'why');
    return { verdict: 'tx', reason: 'ring', vip: 'web', real: { name: 'a', address: '10.0.0.97' } };
  };
  return startApi({ history: fakeHistory().history, balancers: { history, lookUp } });
}

// biome-ignore lint/suspicious/noExplicitAny: the schemas of the routes check the answers here.
const json = async (response: Response): Promise<any> => {
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
};

describe('the API about balancers', () => {
  it('knows none at first, and then says so in its status', async () => {
    await using api = await start();
    assert.deepEqual(await json(await api.get('/balancer')), { balancers: [] });
    assert.equal((await json(await api.get('/status'))).balancer, false);
    look();
    assert.equal((await json(await api.get('/status'))).balancer, true);
  });

  it('has the state of now with figures, and that of a moment without', async () => {
    look();
    await using api = await start();
    const [now] = (await json(await api.get('/balancer'))).balancers;
    assert.deepEqual([now.vips[0].packets, now.vips[0].packets_per_second, now.packets.tx], [600, 10, 600]);
    assert.deepEqual([now.vips[0].reals[1].condition, now.vips[0].reals[1].reason], ['down', 'refused']);
    const at = new Date(START + 20_000).toISOString();
    const [then] = (await json(await api.get(`/balancer?at=${at}`))).balancers;
    assert.deepEqual([then.vips[0].packets, then.packets], [undefined, undefined]);
    assert.equal(then.vips[0].reals[1].condition, 'up');
  });

  it('has series with holes, and changes, the newest first', async () => {
    look();
    await using api = await start();
    const from = new Date(START - 60_000).toISOString();
    const range = `range=${from}..${new Date(START + 60_000).toISOString()}`;
    const answer = await json(await api.get(`/balancer/series?${range}&step=10s`));
    const [{ points }] = answer.series;
    assert.equal(
      Math.round(points.reduce((sum: number, each: { packets: number }) => sum + each.packets, 0)),
      600,
    );
    assert.equal(answer.unrecorded.length, 1);
    assert.equal(Date.parse(answer.unrecorded[0].to), START);
    const reals = await json(await api.get(`/balancer/series?${range}&by=real&limit=1`));
    assert.deepEqual([reals.series.length, reals.count], [1, 2]);
    const { changes } = await json(await api.get(`/balancer/changes?${range}`));
    assert.deepEqual(
      changes.map(({ kind, detail }: { kind: string; detail?: string }) => [kind, detail]),
      [
        ['health', 'refused'],
        ['started', undefined],
      ],
    );
    const few = await json(await api.get(`/balancer/changes?${range}&limit=1`));
    assert.deepEqual([few.changes.length, few.changes[0].kind, few.count], [1, 'health', 2]);
    assert.equal((await json(await api.get(`/balancer/changes?${range}&vip=other`))).count, 0);
  });

  it('looks flows up by the name of a VIP, or by an address', async () => {
    look();
    await using api = await start();
    const found = await json(await api.get('/balancer/lookup?vip=web&client=192.0.2.7:1'));
    assert.deepEqual(found.real, { name: 'a', address: '10.0.0.97' });
    await json(await api.get('/balancer/lookup?vip=[2001:db8::1]:53&client=[2001:db8::7]:9&protocol=udp'));
    assert.deepEqual(asked, [
      {
        balancer: 'edge',
        flow: {
          ...{ source: '192.0.2.7', sourcePort: 1, destination: '198.51.100.1' },
          ...{ destinationPort: 443, protocol: 'tcp' },
        },
      },
      {
        balancer: 'edge',
        flow: {
          ...{ source: '2001:db8::7', sourcePort: 9, destination: '2001:db8::1' },
          ...{ destinationPort: 53, protocol: 'udp' },
        },
      },
    ]);
  });

  it('refuses what makes no sense, and says what', async () => {
    look();
    await using api = await start();
    for (const [path, kind, detail] of [
      ['/balancer/lookup?vip=web', 'request', /^client/],
      ['/balancer/lookup?vip=web&client=192.0.2.7', 'request', /^client: expected an address with a port/],
      ['/balancer/lookup?vip=web&client=1.2.3.4:70000', 'request', /^client/],
      ['/balancer/lookup?vip=web&client=[1.2.3.4]:7', 'request', /^client/],
      ['/balancer/lookup?vip=nope&client=192.0.2.7:1', 'request', /^vip: expected/],
      ['/balancer/lookup?vip=web&client=192.0.2.7:1&balancer=no', 'missing', /^no balancer no runs here$/],
      ['/balancer/series?step=1s', 'request', /^step: expected 10s/],
      ['/balancer/series?step=10s&range=-30d', 'request', /^step: the range would have more than/],
      ['/balancer/series?by=host', 'request', /^by/],
      ['/balancer?at=never', 'request', /is no time/],
      ['/balancer/changes?limit=0', 'request', /^limit/],
    ] as const) {
      const problem = await problemOf(await api.get(path));
      assert.equal(problem.kind, kind, path);
      assert.match(problem.detail, detail, path);
    }
    assert.deepEqual(asked, []);
  });

  it('says why there is no answer about a flow', async () => {
    look();
    for (const [failure, status] of [
      ['request', 400],
      ['missing', 404],
      ['failed', 503],
      ['busy', 503],
    ] as const) {
      await using api = await start(failure);
      const response = await api.get('/balancer/lookup?vip=web&client=192.0.2.7:1');
      assert.deepEqual([response.status, (await problemOf(response)).detail], [status, 'why']);
    }
  });

  it('has several balancers only where one is named', async () => {
    const other = { ...seenBalancer(1), name: 'other' };
    history.see({ at: START, balancers: [seenBalancer(1), other] });
    await using api = await start();
    const problem = await problemOf(await api.get('/balancer/lookup?vip=web&client=192.0.2.7:1'));
    assert.equal(problem.detail, 'balancer: several run here, choose one of edge, other');
    await json(await api.get('/balancer/lookup?vip=web&client=192.0.2.7:1&balancer=other'));
    assert.equal(asked[0]!.balancer, 'other');
  });
});
