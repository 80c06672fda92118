/** The view of balancers in Chromium, on a balancer with real traffic. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Status } from '@weir/balancer/control';
import type { Browser, Page } from 'playwright-core';
import type { BalancerLookupAnswer, BalancerState } from '../src/api/balancer-types.js';
import { BalancedNetwork, VIP } from './support/balanced-network.js';
import { accessibilityProblems, openBrowser, openPage, ServedPage, until } from './support/served-page.js';

const NAME = 'dns';
const HOSTILE = 'e\u202evil<b>\u200bx';
const PACKETS = 40;

let browser: Browser;
let served: ServedPage;
let network: BalancedNetwork;

before(async () => {
  network = new BalancedNetwork();
  await network.up(1);
  await network.up(2);
  browser = await openBrowser();
  served = await ServedPage.start();
});
after(async () => {
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
  await network?.[Symbol.asyncDispose]();
});

const open = (hash: string, options = {}) => openPage(browser, `${served.origin}/${hash}`, options);
const viewLink = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name });
const entry = (page: Page) => viewLink(page, 'Balancer');
const status = () =>
  JSON.parse(network.balance('status', '--json', '--interval', '1ms', '--name', 'edge')) as Status;
const state = async () =>
  (await served.ask('balancer', '')).balancers.find(({ name }) => name === 'edge') as BalancerState;
const realRow = (page: Page, name: string) =>
  page
    .getByRole('table', { name: 'Reals' })
    .getByRole('row')
    .filter({ has: page.getByRole('link', { name, exact: true }) });

/** What a state has of a status. */
const ofState = ({ vips }: BalancerState) =>
  vips.map(({ name, state, packets, bytes, reals }) => [
    ...[name, state, packets, bytes],
    reals.map((real) => [
      ...[real.name, real.weight, real.ring_weight, real.share, real.drained, real.condition],
      ...[real.packets, real.bytes],
    ]),
  ]);
const ofStatus = ({ vips }: Status) =>
  vips.map(({ name, state, packets, bytes, reals }) => [
    ...[name, state, packets, bytes],
    reals.map((real) => [
      ...[real.name, real.weight, real.ringWeight, real.share, real.drained, real.condition],
      ...[real.traffic.packets, real.traffic.bytes],
    ]),
  ]);

describe('the view of balancers', () => {
  it('is not there where no balancer runs', async () => {
    assert.deepEqual((await served.ask('balancer', '')).balancers, []);
    assert.equal((await served.ask('status', '')).balancer, false);
    await using opened = await open('#/overview');
    const { page } = opened;
    await viewLink(page, 'Compare').waitFor();
    assert.equal(await entry(page).count(), 0);
    await page.keyboard.press('?');
    assert.equal(await page.getByText('balancer', { exact: true }).count(), 0);
    assert.deepEqual(opened.complaints, []);
  });

  it('has the figures of `weir balance status`', async () => {
    await network.run([
      {
        ...{ name: NAME, port: 53, isChecked: true },
        reals: [
          ['a', 1],
          ['b', 3],
        ],
      },
      { name: 'plain', port: 54, isChecked: false, reals: [['one', 1]] },
    ]);
    await until('the API has the balancer, checked', async () => {
      return (await state())?.vips[0]?.reals.every(({ condition }) => condition === 'up') ?? false;
    });
    await network.send(PACKETS, 53);
    await network.send(3, 54);
    await until('the API has what was sent', async () => {
      const vips = (await state()).vips.map(({ packets }) => packets);
      return vips[0] === PACKETS && vips[1] === 3;
    });
    assert.deepEqual(ofState(await state()), ofStatus(status()));
    await using opened = await open('#/overview?range=-10m');
    const { page } = opened;
    await entry(page).click();
    const vips = page.getByRole('table', { name: 'VIPs' });
    const row = vips.getByRole('row').nth(1);
    assert.match(await row.innerText(), /dns\s+198\.51\.100\.1:53\/udp\s+●?\s*up\s+2 of 2/);
    assert.match(await realRow(page, 'a').innerText(), /10\.9\.0\.1\s+●?\s*up for .*\s1\s+25%/s);
    assert.match(await realRow(page, 'b').innerText(), /10\.9\.0\.2\s+●?\s*up for .*\s3\s+75%/s);
    await vips.getByRole('link', { name: 'plain' }).click();
    await realRow(page, 'one').waitFor();
    await page.reload();
    await realRow(page, 'one').waitFor();
    await page.goBack();
    await realRow(page, 'b').waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('has what was forwarded over time, with a table behind', async () => {
    const { series, count } = await served.ask('balancer/series', 'range=-10m&by=vip');
    assert.equal(count, 2);
    const sum = (name: string) =>
      series.find(({ vip }) => vip === name)!.points.reduce((total, point) => total + point.packets, 0);
    assert.deepEqual([sum(NAME), sum('plain')], [PACKETS, 3]);
    await using opened = await open('#/balancer?range=-10m');
    const { page } = opened;
    const chart = page.getByRole('figure', { name: 'Packets by VIP, a second' });
    await chart.getByText(NAME).waitFor();
    await chart.getByText('Table').click();
    await chart.getByRole('columnheader', { name: 'plain' }).waitFor();
    await page.getByRole('figure', { name: 'Packets by real, a second' }).waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('looks a flow up as `weir balance lookup` does; the link has the question', async () => {
    for (const [client, more] of [
      ['192.0.2.7:31337', ''],
      ['192.0.2.8:5', '&protocol=udp'],
    ] as const) {
      const query = `balancer=edge&vip=${encodeURIComponent(more === '' ? NAME : `${VIP}:53`)}`;
      const found = await served.ask('balancer/lookup', `${query}&client=${client}${more}`);
      const flags = ['--protocol', 'udp', '--name', 'edge', '--json'];
      const asked = JSON.parse(network.balance('lookup', client, `${VIP}:53`, ...flags));
      assert.deepEqual(found, {
        ...{ verdict: asked.verdict, reason: asked.reason, vip: asked.vip },
        real: { name: asked.realName, address: asked.real },
      } satisfies BalancerLookupAnswer);
    }
    await using opened = await open('#/balancer?range=-10m');
    const { page } = opened;
    await page.getByLabel('Client').fill('192.0.2.7:31337');
    await page.keyboard.press('Enter');
    const answer = page.getByText('Its next packet is sent on to');
    await answer.waitFor();
    const flags = ['--protocol', 'udp', '--name', 'edge', '--json'];
    const { realName } = JSON.parse(network.balance('lookup', '192.0.2.7:31337', `${VIP}:53`, ...flags));
    assert.match(await answer.innerText(), new RegExp(`to ${realName} .*by the ring, VIP `));
    await using other = await openPage(browser, page.url());
    await other.page.getByText('Its next packet is sent on to').waitFor();
    await page.getByLabel('Client').fill('nonsense');
    await page.keyboard.press('Enter');
    await page.getByText('client: expected an address with a port').waitFor();
    assert.deepEqual([...opened.complaints, ...other.complaints], []);
  });

  it('shows a real that goes down, and that it did', async () => {
    await using opened = await open('#/balancer?range=-10m');
    const { page } = opened;
    await realRow(page, 'b').waitFor();
    await network.down(2);
    await realRow(page, 'b').getByText('down', { exact: true }).waitFor();
    assert.match(await realRow(page, 'b').innerText(), /0 \(3\)\s+0%/);
    await realRow(page, 'b').getByText('connection refused').waitFor();
    const changes = page.getByRole('list', { name: 'Changes' });
    await changes.getByText('is down, was up: connection refused').waitFor();
    network.balance('drain', NAME, 'a', '--force', '--name', 'edge');
    await changes.getByText('is drained').waitFor();
    await page.getByRole('row').getByText('up, drained').waitFor();
    network.balance('undrain', NAME, 'a', '--name', 'edge');
    await changes.getByText('is no longer drained').waitFor();
    // A real is chosen: only its changes are left.
    await realRow(page, 'b').getByRole('link').click();
    await changes.getByText('is drained').waitFor({ state: 'detached' });
    await changes.getByText('is down, was up: connection refused').waitFor();
    await changes.getByText('balances', { exact: true }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Of all reals' }).click();
    await changes.getByText('balances', { exact: true }).waitFor();
    const { changes: asked } = await served.ask('balancer/changes', 'range=-10m');
    assert.deepEqual(
      asked
        .map(({ kind, real }) => [kind, real])
        .filter(([, real]) => real !== undefined)
        .slice(0, 3),
      [
        ['undrained', 'a'],
        ['drained', 'a'],
        ['health', 'b'],
      ],
    );
    assert.deepEqual(opened.complaints, []);
  });

  it('shows hostile names so that they hide nothing', async () => {
    const hostile = JSON.stringify(HOSTILE).slice(1, -1);
    await using opened = await openPage(browser, `${served.origin}/#/sql`);
    const { page } = opened;
    // The file of a balancer allows no such names, what checks find may be anything.
    await page.route('**/api/v1/balancer**', async (route) => {
      const response = await route.fetch();
      const text = (await response.text()).replace(/"(dns|a|b|connection refused)"/g, `"$1${hostile}"`);
      await route.fulfill({ response, body: text });
    });
    await page.goto(`${served.origin}/#/balancer?range=-10m&client=192.0.2.7:31337`);
    await page.getByText('Its next packet').waitFor();
    await page.getByRole('list', { name: 'Changes' }).getByText('is down, was up:').waitFor();
    await page.getByRole('figure').first().waitFor();
    const html = await page.evaluate(() => document.documentElement.outerHTML);
    assert.doesNotMatch(html, /[\u202e\u200b]|<b>/);
    for (const name of ['dns', 'a', 'b', 'connection refused'])
      assert.ok(html.includes(`${name}e`), `${name} is there`);
    assert.deepEqual(opened.complaints, []);
  });

  it('has nothing that axe finds serious, light and dark, at three widths', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of colorScheme === 'light' ? [1440, 1024, 390] : [1440, 390]) {
        const hash = '#/balancer?range=-10m&client=192.0.2.7%3A31337';
        await using opened = await open(hash, { colorScheme, viewport: { width, height: 900 } });
        const { page } = opened;
        await page.getByText('Its next packet').waitFor();
        await page.getByRole('list', { name: 'Changes' }).waitFor();
        assert.deepEqual(await accessibilityProblems(page), [], `${colorScheme} ${width}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(wide, width, 'nothing is wider than the window');
      }
    }
  });

  it('has the state of then for a range in the past, and says when its process does not answer', async () => {
    const before = new Date().toISOString();
    await network.kill();
    await until('the API says so', async () => !(await state()).running);
    await using opened = await open('#/balancer?range=-10m');
    const { page } = opened;
    await page.getByText('Its process does not answer').waitFor();
    await page.getByText('does not answer any more').waitFor();
    await using past = await open(`#/balancer?range=${encodeURIComponent(`-10m..${before}`)}`);
    await realRow(past.page, 'b').getByText('down', { exact: true }).waitFor();
    await past.page.getByText('as it was').waitFor();
    await network[Symbol.asyncDispose]();
    await until('the API says that it is gone', async () => (await state()) === undefined);
    await page.getByText('No balancer runs on this host.').waitFor();
    await page.getByText('is gone: it does not forward any more').waitFor();
    assert.equal(await entry(page).count(), 1, 'its past can be looked at');
    assert.deepEqual([...opened.complaints, ...past.complaints], []);
  });
});
