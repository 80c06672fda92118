/** Table, failures and comparison in Chromium, on connections whose numbers are known. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { endedAt, fillHistory, type LongHistory } from './support/long-history.js';
import { accessibilityProblems, openBrowser, openPage, ServedPage, until } from './support/served-page.js';

const [COUNT, REFUSED, SENT, REPLIED] = [40, 7, 77, 1234];
const ALL = 2 * COUNT + REFUSED;
const NAME = '=evil\u202e<b>';
const SHOWN_NAME = '=evil\\u202e<b>';

let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
});

const hashOf = (page: Page) => new URL(page.url()).hash;
const counted = (page: Page, count: number) =>
  page
    .locator('.table-count')
    .getByText(`${count.toLocaleString('en-US')} connections`, { exact: true })
    .waitFor();

describe('the views of connections, failures and comparison', () => {
  let served: ServedPage;
  let range: string;
  const open = (hash: string, options = {}) => openPage(browser, `${served.origin}/${hash}`, options);
  const inRange = () => `range=${encodeURIComponent(range)}`;
  const ask = (path: 'groups' | 'connections' | 'compare', query = '') =>
    served.ask(path, `${inRange()}${query}`);

  before(async () => {
    served = await ServedPage.start();
    await served.make({ count: COUNT, refused: REFUSED, sent: SENT, replied: REPLIED, name: NAME });
    const { range: now } = await served.ask('losses', 'range=-10m');
    range = `${now.from}..${now.to}`;
  });
  after(() => served?.[Symbol.asyncDispose]());

  it('show the connections of the API, newest first or oldest', async () => {
    await using opened = await open(`#/table?${inRange()}`);
    const { page, complaints } = opened;
    await counted(page, ALL);
    const grid = page.getByRole('grid', { name: 'Connections' });
    assert.equal(await grid.getAttribute('aria-rowcount'), String(ALL + 1));
    const { connections } = await served.ask('connections', `${inRange()}&limit=1000`);
    assert.equal(connections.length, ALL);
    const firstTime = () => grid.locator('[data-row="0"] a').first().getAttribute('title');
    assert.match((await firstTime())!, new RegExp(connections[0]!.time));
    await grid.getByRole('columnheader', { name: /Ended/ }).getByRole('button').click();
    await until(
      'the oldest first',
      async () => (await firstTime())?.includes(connections.at(-1)!.time) ?? false,
    );
    assert.match(hashOf(page), /sort=oldest/);
    assert.doesNotMatch(await page.evaluate(() => document.documentElement.outerHTML), /\u202e/);
    assert.deepEqual(complaints, []);
  });

  it('are sorted by any column, all of them, and a link keeps that', async () => {
    await using opened = await open(`#/table?${inRange()}`);
    const { page } = opened;
    await counted(page, ALL);
    const grid = page.getByRole('grid', { name: 'Connections' });
    const times = () =>
      grid
        .locator('.grid-rows .grid-row a[title]')
        .evaluateAll((links) => links.slice(0, 20).map((link) => link.getAttribute('title')!));
    const isSorted = (order: string) => async () => {
      const { connections } = await served.ask('connections', `${inRange()}&limit=20&order=${order}`);
      const shown = await times();
      return connections.every(({ time }, row) => shown[row]?.includes(time));
    };
    const header = (name: string) => grid.getByRole('columnheader', { name });
    await header('Received').getByRole('button').click();
    await until('the most received first', isSorted('-bytes_received'));
    assert.equal(await header('Received').getAttribute('aria-sort'), 'descending');
    await header('Received').getByRole('button').click();
    await until('the least received first', isSorted('bytes_received'));
    await header('Outcome').getByRole('button').click();
    await until('outcomes', isSorted('outcome'));
    assert.match(hashOf(page), /sort=outcome/);
    await using other = await openPage(browser, page.url());
    await counted(other.page, ALL);
    await page.goBack();
    await until('the order before', isSorted('bytes_received'));
    await page.goForward();
    await until('the order after', isSorted('outcome'));
    assert.deepEqual([...opened.complaints, ...other.complaints], []);
  });

  it('filter by a value of a facet, without it, and by none again', async () => {
    await using opened = await open(`#/table?${inRange()}`);
    const { page } = opened;
    await counted(page, ALL);
    const errors = page.getByRole('list', { name: 'Error' });
    const value = errors.getByRole('link', { name: 'ECONNREFUSED', exact: true });
    await value.click();
    await counted(page, REFUSED);
    await until('a chosen value', async () => (await value.getAttribute('aria-current')) === 'true');
    await value.click();
    await counted(page, ALL);
    await errors.getByRole('link', { name: /without ECONNREFUSED/ }).click();
    await counted(page, ALL - REFUSED);
    const processes = page.getByRole('list', { name: 'Process' });
    await processes.getByRole('link', { name: SHOWN_NAME, exact: true }).click();
    await until('both terms', () => hashOf(page).includes('comm'));
    await counted(page, ALL - REFUSED);
    assert.deepEqual(opened.complaints, []);
  });

  it('can be used by keys: move, copy, make a column wider, open', async () => {
    await using opened = await open(`#/table?${inRange()}`);
    const { page } = opened;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: served.origin });
    await counted(page, ALL);
    const grid = page.getByRole('grid', { name: 'Connections' });
    const { connections } = await served.ask('connections', `${inRange()}&limit=1000`);
    const active = () =>
      page.evaluate(() => {
        const id = document.querySelector('[role=grid]')!.getAttribute('aria-activedescendant')!;
        const cell = document.getElementById(id)!;
        return `${cell.dataset.row} ${cell.dataset.column}`;
      });
    await grid.focus();
    await page.keyboard.press('Control+End');
    await until('the last row', async () => (await active()) === `${ALL - 1} 0`);
    await page.keyboard.press('Control+Home');
    for (const key of ['ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
    await until('the next cell', async () => (await active()) === '1 1');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Control+c');
    await page.getByText('Copied 2 rows').waitFor();
    // A spreadsheet computes nothing of a name.
    assert.equal(
      await page.evaluate(() => navigator.clipboard.readText()),
      `Process\n'${SHOWN_NAME}\n'${SHOWN_NAME}`,
    );
    await page.keyboard.press('Escape');
    for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'Shift+ArrowRight']) await page.keyboard.press(key);
    await until('a wider column', () => decodeURIComponent(hashOf(page)).includes('process:140'));
    await using other = await openPage(browser, page.url());
    await counted(other.page, ALL);
    const header = other.page.getByRole('columnheader', { name: 'Process' });
    assert.equal((await header.boundingBox())!.width, 140);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await until('the connection', () => hashOf(page).startsWith('#/connection'));
    assert.match(hashOf(page), new RegExp(`id=${connections[0]!.flow_id!.replace('.', '\\.')}`));
    assert.deepEqual([...opened.complaints, ...other.complaints], []);
  });

  it('remember the columns', async () => {
    await using opened = await open(`#/table?${inRange()}`);
    const { page } = opened;
    await counted(page, ALL);
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('checkbox', { name: 'PID' }).check();
    await page.keyboard.press('Escape');
    await page.getByRole('columnheader', { name: 'PID' }).waitFor();
    await page.goto(`${served.origin}/#/overview`);
    await page.goto(`${served.origin}/#/table?${inRange()}`);
    await page.getByRole('columnheader', { name: 'PID' }).waitFor();
    assert.match(hashOf(page), /pid/);
  });

  it('group by two fields with the figures of the API', async () => {
    await using opened = await open(`#/table?${inRange()}`);
    const { page } = opened;
    await page.getByLabel('Group by, 1').selectOption('direction');
    await page.getByLabel('Group by, 2').selectOption('error');
    const grid = page.getByRole('grid', { name: 'Connections by direction and error' });
    await grid.getByRole('columnheader', { name: 'Connections' }).getByRole('button').click();
    const { groups } = await served.ask('groups', `${inRange()}&by=direction,error&order=connections`);
    assert.equal(groups.length, 3);
    for (const [row, { connections, failures }] of groups.entries()) {
      const cell = (column: number) => grid.locator(`[data-row="${row}"][data-column="${column}"]`);
      await cell(2).getByText(String(connections), { exact: true }).waitFor();
      assert.equal(await cell(3).innerText(), String(failures));
    }
    await grid.focus();
    await page.keyboard.press('Enter');
    await counted(page, groups[0]!.connections);
    assert.deepEqual(opened.complaints, []);
  });

  it('save CSV, JSON and Parquet', async () => {
    await using opened = await open(`#/table?${inRange()}`);
    const { page } = opened;
    await counted(page, ALL);
    await page.getByRole('button', { name: 'Save' }).click();
    const saved = async (name: string, role: 'button' | 'link' = 'button') => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole(role, { name, exact: true }).click(),
      ]);
      return readFile(await download.path());
    };
    const csv = (await saved('CSV')).toString().split('\r\n');
    assert.equal(csv.length, ALL + 2);
    assert.match(csv[0]!, /^time,process,/);
    assert.ok(csv[1]!.includes(`,'${SHOWN_NAME},`), csv[1]);
    const { connections } = await served.ask('connections', `${inRange()}&limit=1000`);
    assert.deepEqual(JSON.parse((await saved('JSON')).toString()), connections);
    assert.equal((await saved('Parquet', 'link')).subarray(0, 4).toString(), 'PAR1');
    assert.deepEqual(opened.complaints, []);
  });

  it('say what failed, how often, since when, and that recording began shortly before', async () => {
    await using opened = await open(`#/failures?${inRange()}`);
    const { page } = opened;
    const table = page.getByRole('table', { name: 'Failures by error, process and peer' });
    const row = table.getByRole('row').nth(1);
    await row.getByText(String(REFUSED), { exact: true }).waitFor();
    assert.match(await row.innerText(), /refused/);
    await page.getByRole('button', { name: `Refused ${REFUSED}`, exact: true }).click();
    await row.getByText(String(REFUSED), { exact: true }).waitFor();
    const filter = `&filter=event%3Dfail&limit=1`;
    const times = await Promise.all(
      ['oldest', 'newest'].map(async (order) => {
        const { connections } = await served.ask('connections', `${inRange()}${filter}&order=${order}`);
        return connections[0]!.flow_id!;
      }),
    );
    const detail = page.getByRole('region', { name: 'This failure' });
    for (const id of new Set(times)) await detail.locator(`a[href$="id=${id}"]`).first().waitFor();
    await detail.getByText(/Weir began to record at/).waitFor();
    await page.getByRole('button', { name: 'Timed out 0', exact: true }).click();
    await page.getByText('None in this range.').waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('compare with the range before, and link to the connections of each', async () => {
    await using opened = await open(`#/compare?${inRange()}&by=process,port`);
    const { page } = opened;
    await page.getByText('Nothing was recorded in the other range').waitFor();
    const { from, to } = (await ask('compare', '&against=-2h..-1h')).range;
    const length = Date.parse(to) - Date.parse(from);
    const against = `${new Date(Date.parse(from) - length).toISOString()}..${from}`;
    const { differences } = await served.ask(
      'compare',
      `${inRange()}&by=process,port&against=${encodeURIComponent(against)}`,
    );
    const rows = page.getByRole('table', { name: 'What differs' }).getByRole('row');
    assert.equal(await rows.count(), differences.length + 1);
    await page.getByRole('button', { name: `New ${differences.length}`, exact: true }).waitFor();
    await page.getByRole('button', { name: 'Gone 0', exact: true }).click();
    await page.getByText('None.', { exact: true }).waitFor();
    await page.getByRole('button', { name: /^All/ }).click();
    await rows.nth(1).getByRole('link', { name: 'this range' }).click();
    await counted(page, differences[0]!.now!.connections);
    await page.goBack();
    await page.getByLabel('Another range').fill('nonsense');
    await page.getByLabel('Another range').press('Enter');
    await page.locator('.notice.is-bad').first().waitFor();
    await page.getByRole('button', { name: 'The day before' }).click();
    await page.getByText('Nothing was recorded in the other range').waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('have nothing that axe finds serious, and nothing wider than the window', async () => {
    const views = ['table', 'table?by=process,port&', 'failures', 'compare'];
    for (const view of views)
      for (const [colorScheme, width] of [
        ['light', 1440],
        ['dark', 390],
      ] as const) {
        const hash = view.includes('?') ? `#/${view}${inRange()}` : `#/${view}?${inRange()}`;
        await using opened = await open(hash, { colorScheme, viewport: { width, height: 900 } });
        const { page } = opened;
        await page.getByText(SHOWN_NAME).first().waitFor();
        assert.deepEqual(await accessibilityProblems(page), [], `${view}, ${colorScheme}, ${width}`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, view);
      }
  });
});

describe('a table of a million connections', () => {
  const plan: LongHistory = {
    count: 1_000_000,
    from: BigInt(Math.floor(Date.now() / 1000) - 26 * 3600) * 1_000_000_000n,
    stepNs: 80_000_000n,
  };
  const MOST_BYTES = 60_000_000;
  let served: ServedPage;
  before(async () => {
    served = await ServedPage.start((history) => fillHistory(history, plan));
  });
  after(() => served?.[Symbol.asyncDispose]());

  const text = (moment: bigint) => new Date(Number(moment / 1_000_000n)).toISOString();
  const range = `${text(plan.from)}..${text(endedAt(plan, plan.count))}`;

  it('is in the overview, with its figures', async () => {
    await using opened = await openPage(
      browser,
      `${served.origin}/#/overview?range=${encodeURIComponent(range)}`,
    );
    await opened.page.getByText('1,000,000 connections ended, 10,000 failed').waitFor();
    const processes = opened.page.getByRole('table', { name: 'Top processes, by bytes' });
    await processes.getByText('postgres').waitFor();
    assert.equal(await opened.page.locator('main').getAttribute('class'), '');
    assert.deepEqual(opened.complaints, []);
  });

  it('is sorted by what was sent, all of it, and its first rows can be scrolled to', async () => {
    const sorted = `${served.origin}/#/table?range=${encodeURIComponent(range)}&sort=-bytes_sent`;
    await using opened = await openPage(browser, sorted);
    const { page } = opened;
    await counted(page, plan.count);
    await page.getByText('the first 10,000 of them are here').waitFor();
    const grid = page.getByRole('grid', { name: 'Connections' });
    const ended = (row: number) => grid.locator(`[data-row="${row}"] a`).first().getAttribute('title');
    // What was sent grows with the number; a hundredth failed, and sent nothing.
    const last = plan.count - 1;
    assert.match((await ended(0))!, new RegExp(text(endedAt(plan, last)).replace('Z', '')));
    await grid.focus();
    await page.keyboard.press('Control+End');
    const far = last - 9_999 - Math.floor(9_999 / 99);
    await until('the last of the first', async () => {
      const title = await ended(9_999).catch(() => null);
      return title?.includes(text(endedAt(plan, far)).replace('Z', '')) ?? false;
    });
    assert.deepEqual(opened.complaints, []);
  });

  it('scrolls to any place, shows what is there, and keeps little', async () => {
    await using opened = await openPage(
      browser,
      `${served.origin}/#/table?range=${encodeURIComponent(range)}`,
    );
    const { page } = opened;
    await counted(page, plan.count);
    const grid = page.getByRole('grid', { name: 'Connections' });
    // A row that is drawn is the connection of its number.
    const isRight = async () => {
      const drawn = await grid.locator('.grid-rows .grid-row').evaluateAll((rows) => {
        const box = document.querySelector('.grid')!.getBoundingClientRect();
        return rows
          .filter((row) => {
            const { top, bottom } = row.getBoundingClientRect();
            return bottom > box.top && top < box.bottom;
          })
          .map((row) => ({
            number: Number(row.getAttribute('aria-rowindex')) - 2,
            title: row.querySelector('a')?.getAttribute('title') ?? '',
          }));
      });
      return (
        drawn.length > 10 &&
        drawn.every(({ number, title }) => {
          const moment = endedAt(plan, plan.count - 1 - number);
          return title.includes(text(moment).replace('Z', ''));
        })
      );
    };
    await grid.focus();
    await page.keyboard.press('Control+End');
    await until('the last rows', isRight);
    await until('the oldest connection', async () =>
      grid
        .locator(`[data-row="${plan.count - 1}"]`)
        .first()
        .isVisible(),
    );
    await page.mouse.move(900, 500);
    await page.mouse.wheel(0, -700);
    await until('rows a window above', isRight);
    for (const part of [0.5, 0.1, 0.77, 0.31]) {
      await grid.evaluate((element, at) => {
        element.scrollTop = element.scrollHeight * at;
      }, part);
      await until(`rows at ${part}`, isRight);
    }
    for (let turn = 0; turn < 60; turn++) await page.mouse.wheel(0, 2_000);
    await until('rows after much scrolling', isRight);
    const session = await page.context().newCDPSession(page);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
    assert.ok(usedSize < MOST_BYTES, `${usedSize} bytes are used`);
    assert.ok((await page.locator('.grid-row').count()) < 60);
    assert.deepEqual(opened.complaints, []);
  });
});
