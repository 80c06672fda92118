/** Open connections in the page are those that `ss` shows. In Chromium, on real connections. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { formatBytes } from '../src/format/number-text.js';
import { accessibilityProblems, openBrowser, openPage, ServedPage, until } from './support/served-page.js';

/** Bytes that each of the programs writes at a time. */
const WRITES = [100, 2_000, 30_000, 400_000];

let browser: Browser;
let served: ServedPage;
const programs: ChildProcess[] = [];

before(async () => {
  browser = await openBrowser();
  served = await ServedPage.start();
  for (const bytes of WRITES) {
    const program = served.startSlow(bytes);
    programs.push(program);
    await once(program.stdout!, 'data');
  }
});
after(async () => {
  for (const program of programs) program.kill('SIGKILL');
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

/** An end as both show it: its ports, what it sent and what it received. */
type Shown = readonly [local: number, peer: number, sent: string, received: string];

/** The ends that `ss` shows. It counts the SYN that was acknowledged to the side that sent it. */
function shownBySs(listening: ReadonlySet<number>): Shown[] {
  const lines = served.ss('-tinOH', 'state', 'established').trim().split('\n').filter(Boolean);
  return lines.map((line) => {
    const [, local, peer] = /127\.0\.0\.1:(\d+) +127\.0\.0\.1:(\d+)/.exec(line)!.map(Number);
    const count = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
    const isServer = listening.has(local!);
    const acked = count('bytes_acked');
    const sent = acked === 0 || isServer ? acked : acked - 1;
    return [local!, peer!, formatBytes(sent), formatBytes(count('bytes_received'))];
  });
}

async function shownByPage(page: Page): Promise<Shown[]> {
  const grid = page.getByRole('grid', { name: 'Open connections' });
  const titles = await grid.getByRole('columnheader').allInnerTexts();
  const at = (title: string) => titles.findIndex((text) => text.startsWith(title));
  const [local, peer, sent, received] = ['Local port', 'Peer port', 'Sent', 'Received'].map(at);
  const rows = await grid
    .locator('.grid-rows [role=row]')
    .evaluateAll((found) =>
      found.map((row) => [...row.querySelectorAll('[role=gridcell]')].map((cell) => cell.textContent ?? '')),
    );
  return rows.map((cells) => [
    ...([Number(cells[local!]), Number(cells[peer!])] as const),
    ...([cells[sent!]!, cells[received!]!] as const),
  ]);
}

const sorted = (ends: readonly Shown[]) => [...ends].sort(([a], [b]) => a - b);

describe('open connections', () => {
  it('have the figures that ss shows', async () => {
    // What they have written by then stays what it is.
    await until('all have written', () => {
      const ends = served.ss('-tinOH', 'state', 'established');
      return (ends.match(/bytes_received:\d{3,}/g) ?? []).length === WRITES.length;
    });
    for (const program of programs) program.kill('SIGSTOP');
    const ports = new Set(
      served
        .ss('-tnlH')
        .trim()
        .split('\n')
        .map((line) => Number(/:(\d+) /.exec(line)![1])),
    );
    await using opened = await openPage(browser, `${served.origin}/#/table?range=-10m&open=-sent`);
    const { page, complaints } = opened;
    await page.getByText(`${2 * WRITES.length} open now`).waitFor();
    await until('the same figures', async () => {
      const [page_, ss] = [await shownByPage(page), shownBySs(ports)].map(sorted);
      return JSON.stringify(page_) === JSON.stringify(ss);
    });
    // Rates of what stands still are none, by the next looks.
    await until('no rates', async () => {
      const { connections } = await served.ask('open-at', 'at=now&figures=moment');
      return connections.every(({ send_rate = 0, receive_rate = 0 }) => send_rate + receive_rate === 0);
    });
    const bySent = (await shownByPage(page)).map(([local]) => local);
    const { connections } = await served.ask('open-at', 'at=now&figures=moment');
    const largest = connections.reduce((a, b) => ((a.bytes_sent ?? 0) > (b.bytes_sent ?? 0) ? a : b));
    assert.equal(bySent[0], largest.local.port, 'the one that sent most comes first');
    assert.deepEqual(complaints, []);
  });

  it('are those of then in a range of the past, and a filter holds', async () => {
    const now = new Date().toISOString();
    await until('all until then is in the history', async () => {
      const { watermark } = await served.ask('status', '');
      return watermark !== undefined && watermark > now;
    });
    for (const program of programs.slice(2)) program.kill('SIGKILL');
    await using opened = await openPage(browser, `${served.origin}/#/table?range=-10m`);
    const { page, complaints } = opened;
    await page.getByRole('button', { name: 'Open now' }).click();
    await page.getByText('4 open now').waitFor();
    await page.goto(`${served.origin}/#/table?range=-10m&open=busiest&filter=dir%3Aout`);
    await page.getByText('2 open now').waitFor();
    const past = `2026-01-01T00:00:00Z..${now}`;
    await page.goto(`${served.origin}/#/table?range=${encodeURIComponent(past)}&open=busiest`);
    await page.getByText(/^8 open at /).waitFor();
    assert.equal((await shownByPage(page)).length, 8);
    for (const width of [1440, 1024, 390]) {
      await page.setViewportSize({ width, height: 800 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      assert.deepEqual(await accessibilityProblems(page), []);
    }
    // Enter opens the first one's own view.
    await page.setViewportSize({ width: 1440, height: 800 });
    await page.getByRole('grid', { name: 'Open connections' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Course' }).waitFor();
    assert.deepEqual(complaints, []);
  });
});
