/** What ends is seen at once, and what the page keeps does not grow. In Chromium, on real connections. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, openPage, ServedPage, until } from './support/served-page.js';

/** A range that is asked for again once a minute: what is seen sooner comes by the stream. */
const RARELY = 'range=-1d';
const traffic = { count: 10, refused: 3, sent: 77, replied: 1234, name: 'live' };
const MADE = 2 * traffic.count + traffic.refused;
const SOON_MS = 30_000;

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
});

const isStream = (url: string) => url.includes('/api/v1/stream');

/** Streams that the page reads, and has read. */
function watchStreams(page: Page): { readonly open: Set<unknown>; opened: number } {
  const streams = { open: new Set<unknown>(), opened: 0 };
  page.on('request', (request) => {
    if (!isStream(request.url())) return;
    streams.open.add(request);
    streams.opened++;
  });
  for (const event of ['requestfinished', 'requestfailed'] as const)
    page.on(event as 'requestfinished', (request) => streams.open.delete(request));
  return streams;
}

/** The page has an answer from after the beginning of the stream: from then on it follows. */
async function followed(page: Page, count: number): Promise<void> {
  await page.getByText(`${count} connections`).first().waitFor();
  await sleep(1_000);
}

describe('a range that ends now', () => {
  let served: ServedPage;
  let count = 0;
  const make = async () => {
    await served.make(traffic);
    count += MADE;
  };
  before(async () => {
    served = await ServedPage.start();
    await make();
  });
  after(() => served?.[Symbol.asyncDispose]());
  const open = (view: string) => openPage(browser, `${served.origin}/#/${view}?${RARELY}`);
  const seen = async (page: Page, text: string) => {
    const since = performance.now();
    await page.getByText(text).first().waitFor();
    assert.ok(
      performance.now() - since < SOON_MS,
      `${text} ${performance.now() - since} ms after the API has it`,
    );
  };

  it('has the figures of what ends at once, equal to those of the answer that follows', async () => {
    await using opened = await open('overview');
    const { page } = opened;
    await followed(page, count);
    await make();
    await seen(page, `${count} connections ended, ${2 * traffic.refused} failed`);
    const bars = page.locator('.brush-connections');
    const drawn = await bars.getAttribute('d');
    await make();
    await seen(page, `${count} connections ended, ${3 * traffic.refused} failed`);
    assert.notEqual(await bars.getAttribute('d'), drawn, 'the strip of all history has them, too');
    const { total } = await served.ask('groups', RARELY);
    assert.deepEqual([total.connections, total.failures], [count, 3 * traffic.refused]);
    assert.deepEqual(opened.complaints, []);
  });

  it('has rows of what ends at once, newest first, and holds them for somebody who reads', async () => {
    await using opened = await open('table');
    const { page } = opened;
    const shows = async (wanted: number) => {
      const text = `${wanted} connections`;
      const total = page.locator('.table-count');
      await total
        .getByText(text, { exact: true })
        .waitFor({ timeout: SOON_MS })
        .catch(async () => assert.equal(await total.innerText(), text));
    };
    await followed(page, count);
    await make();
    await shows(count);
    const grid = page.getByRole('grid', { name: 'Connections' });
    const { connections } = await served.ask('connections', `${RARELY}&limit=${MADE}`);
    const titles = await grid
      .locator('.grid-rows .grid-row a[title]')
      .evaluateAll((links) => links.map((link) => link.getAttribute('title')!));
    for (const [row, { time }] of connections.slice(0, 10).entries())
      assert.ok(titles[row]!.includes(time), `${row}: ${titles[row]} is not ${time}`);
    await grid.focus();
    for (let row = 0; row < 3; row++) await page.keyboard.press('ArrowDown');
    await make();
    await page.getByRole('button', { name: 'Show newer' }).click();
    await shows(count);
    assert.deepEqual(opened.complaints, []);
  });

  it('reads no stream while nobody sees the page, or the range stays, and goes on behind that', async () => {
    await using opened = await open('overview');
    const { page } = opened;
    const streams = watchStreams(page);
    await page.reload();
    await followed(page, count);
    assert.equal(streams.open.size, 1);
    const show = (hidden: boolean) =>
      page.evaluate((isHidden) => {
        Object.defineProperty(document, 'hidden', { configurable: true, value: isHidden });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await show(true);
    await until('no stream', () => streams.open.size === 0);
    await make();
    await show(false);
    await seen(page, `${count} connections ended`);
    await page.keyboard.press('p');
    await until('no stream of a range that stays', () => streams.open.size === 0);
    await page.keyboard.press('n');
    await until('a stream', () => streams.open.size === 1);
    assert.deepEqual(opened.complaints, []);
  });

  it('goes on when the server is back, and ends when a token is needed', async () => {
    await using opened = await open('overview');
    const { page } = opened;
    await followed(page, count);
    const streams = watchStreams(page);
    process.kill(served.serverPid, 'SIGKILL');
    await until('another stream', () => streams.opened > 0);
    await followed(page, count);
    await make();
    await seen(page, `${count} connections ended`);
    served.weir('serve', 'token', 'add', 'live');
    try {
      await page.getByLabel('Token').waitFor();
      await until('no stream', () => streams.open.size === 0);
    } finally {
      served.weir('serve', 'token', 'remove', 'live');
    }
  });
});

/** Connections that end a second, both ends of each counted. */
const PER_SECOND = 1_000;
/** WEIR_LIVE_SECONDS makes it longer. */
const SECONDS = Number(process.env.WEIR_LIVE_SECONDS ?? 30);
/** The least that has to have come of these: a machine with other work makes fewer. */
const LEAST_RATE = 0.05;
/** By so much may the page's heap be larger at the end than in the middle. */
const MORE_BYTES = 3_000_000;

describe('a page that follows 1,000 connections a second', () => {
  it('keeps no more after some time than before', { timeout: (SECONDS + 120) * 1000 }, async () => {
    await using served = await ServedPage.start();
    const steady = served.startSteady(PER_SECOND / 2);
    try {
      for (const view of ['overview', 'table']) await follow(served, view, SECONDS / 2);
    } finally {
      steady.stdin!.end();
      await once(steady, 'exit');
    }
  });

  async function follow(served: ServedPage, view: string, seconds: number): Promise<void> {
    await using opened = await openPage(browser, `${served.origin}/#/${view}?range=-5m`);
    const { page } = opened;
    const session = await page.context().newCDPSession(page);
    const heap = async () => {
      await session.send('HeapProfiler.collectGarbage');
      return ((await session.send('Runtime.getHeapUsage')) as { usedSize: number }).usedSize;
    };
    const before = (await served.ask('groups', 'range=-1d')).total.connections;
    const PARTS = 10;
    const sizes: number[] = [];
    for (let part = 0; part < PARTS; part++) {
      await sleep((seconds * 1000) / PARTS);
      sizes.push(await heap());
    }
    const text = sizes.map((bytes) => (bytes / 1e6).toFixed(1)).join(', ');
    console.log(`${view}, ${seconds} s: MB of heap ${text}`);
    const least = (from: number, to: number) => Math.min(...sizes.slice(from, to));
    assert.ok(least(7, 10) - least(3, 6) < MORE_BYTES, `${view}: ${text} MB`);
    const ended = (await served.ask('groups', 'range=-1d')).total.connections - before;
    assert.ok(ended > LEAST_RATE * PER_SECOND * seconds, `${ended / seconds} connections a second`);
    assert.deepEqual(opened.complaints, []);
  }
});
