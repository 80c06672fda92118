/** nginx and curl in the page: figures are those of nginx's own log, failures those that curl had. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { formatBytes, formatCount } from '../src/format/number-text.js';
import { files, isListening, Nginx } from './support/nginx.js';
import { openBrowser, openPage, ServedPage, until } from './support/served-page.js';

const [SMALL, REFUSED] = [25, 6];
const ORIGIN = 'http://127.0.0.1:8080';

let browser: Browser;
let served: ServedPage;
let nginx: Nginx;
const start = (command: readonly string[], options = {}) => served.start(command, options);

before(async () => {
  browser = await openBrowser();
  served = await ServedPage.start();
  nginx = new Nginx(start);
  await until('nginx listens', () => isListening(served.ss('-tnlH')));
});
after(async () => {
  await nginx?.[Symbol.asyncDispose]();
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

/** @returns its exit code */
async function curl(...args: string[]): Promise<number> {
  const child = start(['curl', '-sS', '-o', '/dev/null', ...args], { stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number];
  return code;
}

async function ended(filter: string, count: number): Promise<void> {
  await until(`${count} connections of ${filter}`, async () => {
    const { total } = await served.ask('groups', `range=-10m&filter=${encodeURIComponent(filter)}`);
    return total.connections >= count;
  });
}

/** The cells of the row of a process in the table by process, by the titles of their columns. */
async function rowOf(page: Page, process: string): Promise<ReadonlyMap<string, string>> {
  const grid = page.getByRole('grid', { name: 'Connections by process' });
  const row = grid.getByRole('row').filter({ has: page.getByText(process, { exact: true }) });
  await row.first().waitFor();
  const titles = await grid.getByRole('columnheader').allInnerTexts();
  const cells = await row.first().getByRole('gridcell').allInnerTexts();
  return new Map(titles.map((title, index) => [title.replace(/ [▲▼]$/, ''), cells[index]!]));
}

describe('nginx and curl', () => {
  it('have moved what the log of nginx says', async () => {
    for (let count = 0; count < SMALL; count++) assert.equal(await curl(`${ORIGIN}/small`), 0);
    assert.equal(await curl(`${ORIGIN}/slow`), 0);
    await ended('process=nginx', SMALL + 1);
    await until('it is logged', () => nginx.log.length === SMALL + 1);
    const [sent, received] = [0, 1].map((index) => nginx.log.reduce((sum, sizes) => sum + sizes[index]!, 0));
    assert.ok(sent! > SMALL * files.small + files.slow);
    await using opened = await openPage(browser, `${served.origin}/#/table?range=-10m&by=process`);
    const [server, client] = [await rowOf(opened.page, 'nginx'), await rowOf(opened.page, 'curl')];
    const figures = (row: ReadonlyMap<string, string>) =>
      ['Connections', 'Failed', 'Sent', 'Received'].map((title) => row.get(title));
    const counts = [formatCount(SMALL + 1), '0'];
    assert.deepEqual(figures(server), [...counts, formatBytes(sent), formatBytes(received)]);
    assert.deepEqual(figures(client), [...counts, formatBytes(received), formatBytes(sent)]);
    // To the byte, which the page rounds.
    const { groups } = await served.ask('groups', 'range=-10m&by=process&filter=process%3Dnginx');
    assert.deepEqual([groups[0]!.bytes_sent, groups[0]!.bytes_received], [sent, received]);
    // nginx sends the slow one in seconds.
    const slow = encodeURIComponent('process=curl bytes>100k');
    await opened.page.goto(`${served.origin}/#/table?range=-10m&filter=${slow}`);
    await opened.page.getByText('1 connection', { exact: true }).waitFor();
    const row = opened.page.getByRole('grid', { name: 'Connections' }).locator('.grid-rows [role=row]');
    await row
      .first()
      .getByText(formatBytes(nginx.log.at(-1)![0]))
      .first()
      .waitFor();
    await row
      .first()
      .getByText(/^[\d.]+ s$/)
      .first()
      .waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('fail as they did', async () => {
    const COULD_NOT_CONNECT = 7;
    for (let count = 0; count < REFUSED; count++)
      assert.equal(await curl('http://127.0.0.1:9/'), COULD_NOT_CONNECT);
    // A client that dies with unread data resets its connection.
    const dying = start(['curl', '-sS', '-o', '/dev/null', '--limit-rate', '10k', `${ORIGIN}/large`], {
      stdio: 'ignore',
    });
    await until('it reads', () => /users:|ESTAB/.test(served.ss('-tn', 'dport', '=', ':8080')));
    await until('its buffer is full', () =>
      /^ESTAB +[1-9]\d{4,}/m.test(served.ss('-tnH', 'dport', '=', ':8080')),
    );
    dying.kill('SIGKILL');
    await ended('process=curl error:ECONNREFUSED', REFUSED);
    await ended('process=nginx closed_by:reset', 1);
    await using opened = await openPage(browser, `${served.origin}/#/failures?range=-10m`);
    const { page, complaints } = opened;
    const refused = page.getByRole('row').filter({ hasText: 'refused' }).filter({ hasText: 'curl' });
    await refused.getByText(formatCount(REFUSED), { exact: true }).first().waitFor();
    await page.goto(`${served.origin}/#/failures?range=-10m&kind=cut`);
    const reset = page.getByRole('row').filter({ hasText: 'reset' }).filter({ hasText: 'nginx' });
    await reset.first().waitFor();
    assert.deepEqual(complaints, []);
  });
});
