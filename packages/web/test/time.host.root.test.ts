/** The strip of time, play, and what is new since yesterday, in Chromium on a history of two days. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HistoryStore } from '@weir/history';
import type { EndRow } from '@weir/history/schema';
import type { Browser } from 'playwright-core';
import { openBrowser, openPage, ServedPage, until } from './support/served-page.js';

const MINUTE_NS = 60_000_000_000n;
const DAY_NS = 1440n * MINUTE_NS;
const now = BigInt(Date.now()) * 1_000_000n;

function end(time: bigint, comm: string, number: number): EndRow {
  return {
    ...{ host_id: 7n, time, monotonic_ns: number, flow_ns: BigInt(number), flow_cpu: 0 },
    ...{ transport: 'tcp', family: 'ipv4', direction: 'outbound', interval_rows: 0, event: 'close' },
    ...{ local_address: '10.0.0.1', local_port: 40_000 + number, peer_address: '10.0.0.2', peer_port: 443 },
    ...{ comm, closed_by: 'local', bytes_sent: 100, bytes_received: 10 },
  };
}

/** One connection a minute, of two days; `fresh` has them since half an hour only. */
async function fill(folder: string): Promise<void> {
  const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
  const from = now - 2n * DAY_NS;
  const ends: EndRow[] = [];
  for (let time = from; time < now; time += MINUTE_NS) ends.push(end(time, 'steady', ends.length));
  for (let time = now - 30n * MINUTE_NS; time < now; time += MINUTE_NS)
    ends.push(end(time + 1n, 'fresh', ends.length));
  await store.append({
    ...{ host_id: 7n, epoch: 'e'.repeat(32), number: 1, started: from, monotonic_ns: 1 },
    ...{ time: now, goodbye: true, ends },
    hosts: [{ host_id: 7n, time: from, name: 'two-days', boot_id: '0', machine_id: '0' }],
  });
  await store.close();
}

let browser: Browser;
let served: ServedPage;
before(async () => {
  browser = await openBrowser();
  served = await ServedPage.start(fill);
});
after(async () => {
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

describe('the time of the page', () => {
  const open = (hash: string) => openPage(browser, `${served.origin}/#/overview?range=${hash}`);
  const rangeOf = (url: string) => new URLSearchParams(new URL(url).hash.split('?')[1]).get('range') ?? '';
  const spanOf = (url: string) =>
    rangeOf(url)
      .split('..')
      .map((text) => Date.parse(text)) as [number, number];
  const countOf = async (url: string) =>
    (await served.ask('groups', `range=${encodeURIComponent(rangeOf(url))}`)).total.connections;

  it('is chosen by dragging on the strip, moved by dragging the range, and the figures are its own', async () => {
    await using opened = await open('-1h');
    const { page } = opened;
    await page.getByText('connections ended').waitFor();
    const strip = page.getByRole('slider', { name: /Range of time/ });
    const box = (await strip.boundingBox())!;
    const drag = async (from: number, to: number) => {
      const before = page.url();
      const y = box.y + box.height / 2;
      await page.mouse.move(box.x + from * box.width, y);
      await page.mouse.down();
      await page.mouse.move(box.x + ((from + to) / 2) * box.width, y);
      await page.mouse.move(box.x + to * box.width, y);
      await page.mouse.up();
      await until('another range', () => page.url() !== before);
    };
    await drag(0.25, 0.5);
    const chosen = spanOf(page.url());
    const hours = (chosen[1] - chosen[0]) / 3_600_000;
    assert.ok(Math.abs(hours - 12) < 0.5, `${hours} of 48 hours are a quarter`);
    await page.getByText(`${await countOf(page.url())} connections ended`).waitFor();
    await drag(0.4, 0.5);
    const moved = spanOf(page.url());
    assert.ok(Math.abs(moved[1] - moved[0] - (chosen[1] - chosen[0])) < 10, 'it keeps its length');
    assert.ok(Math.abs((moved[0] - chosen[0]) / 3_600_000 - 4.8) < 0.5);
    await page.goBack();
    assert.deepEqual(spanOf(page.url()), chosen);
    await page.getByText(`${await countOf(page.url())} connections ended`).waitFor();
    await page.goForward();
    assert.deepEqual(spanOf(page.url()), moved);
    await page.reload();
    await page.getByText(`${await countOf(page.url())} connections ended`).waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('plays: the range moves on through the past, until that is stopped', async () => {
    const text = (minutes: bigint) =>
      new Date(Number((now - minutes * MINUTE_NS) / 1_000_000n)).toISOString();
    await using opened = await open(encodeURIComponent(`${text(600n)}..${text(590n)}`));
    const { page } = opened;
    await page.getByText('10 connections ended').waitFor();
    const [from, to] = spanOf(page.url());
    await page.getByRole('button', { name: 'Play' }).click();
    await until('a later range', () => spanOf(page.url())[0] >= from + 120_000);
    await page.getByRole('button', { name: 'Stop' }).click();
    const stopped = spanOf(page.url());
    assert.ok(Math.abs(stopped[1] - stopped[0] - (to - from)) < 10, 'it keeps its length');
    await page.getByText(`${await countOf(page.url())} connections ended`).waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('shows what is new since yesterday, and nothing else', async () => {
    await using opened = await open('-1h');
    const { page } = opened;
    const rows = page.getByRole('table', { name: 'Pairs of process and peer that are new' }).getByRole('row');
    await rows.nth(1).getByText('fresh').waitFor();
    assert.equal(await rows.count(), 2);
    assert.deepEqual(opened.complaints, []);
  });
});
