/** SQL and settings in Chromium, on connections whose numbers are known. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { accessibilityProblems, openBrowser, openPage, ServedPage, until } from './support/served-page.js';

const [COUNT, REFUSED] = [40, 7];
const NAME = 'evil\u202egnp<b>';

let browser: Browser;
let served: ServedPage;

before(async () => {
  browser = await openBrowser();
  served = await ServedPage.start();
  await served.make({ count: COUNT, refused: REFUSED, sent: 77, replied: 1234, name: NAME });
});
after(async () => {
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

const open = (hash: string, options = {}) => openPage(browser, `${served.origin}/${hash}`, options);
const sqlHash = (sql: string, more = '') => `#/sql?q=${encodeURIComponent(sql)}${more}`;

describe('the SQL view', () => {
  it('completes, runs by a key, and shows what the API answers; the link shows the same elsewhere', async () => {
    await using opened = await open('#/sql?range=-10m');
    const { page } = opened;
    const input = page.getByRole('textbox', { name: 'Statement', exact: true });
    await page.getByText('Tables', { exact: true }).click();
    await page.getByRole('complementary').getByText('ends', { exact: true }).waitFor();
    await input.fill('');
    await input.pressSequentially('SELECT comm, error, count(*) AS n FROM en');
    await page.getByRole('option', { name: /^ends table/ }).waitFor();
    await input.press('Tab');
    await input.pressSequentially(" WHERE event = 'fail' AND time BETWEEN $from AND $to GROUP BY ALL");
    await input.press('Escape');
    await input.focus();
    await input.press('Control+Enter');
    const row = page.getByRole('table', { name: 'Answer' }).getByRole('row').nth(1);
    assert.match(await row.innerText(), /evil\\u202egnp<b>\s+ECONNREFUSED\s+7/);
    await page.getByText('1 row', { exact: true }).waitFor();
    await using other = await openPage(browser, page.url());
    await other.page.getByRole('cell', { name: 'ECONNREFUSED' }).waitFor();
    assert.deepEqual([...opened.complaints, ...other.complaints], []);
    assert.doesNotMatch(await page.evaluate(() => document.documentElement.outerHTML), /\u202e/);
  });

  it('marks a mistake where it is written, and says what the server says', async () => {
    await using opened = await open(sqlHash('SELECT comm\nFROM ends WHERE time < $to AND coom = 1'));
    const { page } = opened;
    const alert = page.getByRole('alert').filter({ hasText: 'coom' });
    await alert.waitFor();
    assert.match(await alert.innerText(), /Line 2, column 32/);
    assert.equal(await page.locator('.sql-code .is-wrong').textContent(), 'coom');
    await alert.getByRole('button').click();
    const input = page.getByRole('textbox', { name: 'Statement', exact: true });
    assert.equal(await input.evaluate((area) => (area as HTMLTextAreaElement).selectionStart), 43);
    await input.press('End');
    await input.pressSequentially(' ');
    await until('no mark', async () => (await page.locator('.sql-code .is-wrong').count()) === 0);
  });

  it('keeps few of many rows in the page, and has all in the files', async () => {
    await using opened = await open(sqlHash('SELECT range AS n FROM range(50000)', '&limit=100000'));
    const { page } = opened;
    await page.getByText('50,000 rows').waitFor();
    const table = page.getByRole('table', { name: 'Answer' });
    assert.ok((await table.getByRole('row').count()) < 120);
    await page.getByRole('region', { name: 'Rows' }).focus();
    await page.keyboard.press('End');
    await page.getByRole('cell', { name: '49999', exact: true }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ]);
    const lines = readFileSync(await download.path(), 'utf8').split('\r\n');
    assert.deepEqual([lines.length, lines[0], lines[50_000]], [50_002, 'n', '49999']);
    assert.deepEqual(opened.complaints, []);
  });

  it('draws times against numbers, with a table behind', async () => {
    const sql = "SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS t, i AS n FROM range(9) r(i)";
    await using opened = await open(sqlHash(sql));
    const { page } = opened;
    await page.getByRole('button', { name: 'Chart' }).click();
    await page.getByRole('figure', { name: 'Answer over time' }).waitFor();
    assert.match(page.url(), /as=chart/);
    await page.reload();
    await page.getByRole('figure', { name: 'Answer over time' }).waitFor();
    await page.goBack();
    await page.getByRole('table', { name: 'Answer' }).waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('stops what takes too long', async () => {
    const sql = 'SELECT sum(a.range * b.range % 7) FROM range(10000000) a, range(100000) b';
    await using opened = await open(sqlHash(sql));
    await opened.page.getByRole('button', { name: 'Stop' }).click();
    await opened.page.getByText('Stopped.').waitFor();
    await opened.page.getByRole('button', { name: 'Run', exact: true }).waitFor();
  });

  it('keeps statements under a name, and those that ran, in this browser', async () => {
    await using opened = await open('#/sql');
    const { page } = opened;
    const input = page.getByRole('textbox', { name: 'Statement', exact: true });
    await input.fill('SELECT 4711 AS saved_one');
    await input.press('Escape');
    await page.getByText('Saved (0)').click();
    await page.getByLabel('Name of the statement').fill('mine');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('cell', { name: '4711' }).waitFor();
    await page.goto(`${served.origin}/#/overview`);
    await page.goto(`${served.origin}/#/sql`);
    assert.equal(await input.inputValue(), 'SELECT 4711 AS saved_one', 'what was written is still there');
    await input.fill('SELECT 1');
    await page.getByRole('button', { name: 'mine', exact: true }).click();
    assert.equal(await input.inputValue(), 'SELECT 4711 AS saved_one');
    await page.getByText('Run before (1)').waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('says what a token with the role read cannot do, and how to get another', async () => {
    const token = served.weir('serve', 'token', 'add', 'reader').trim();
    // A connection that was kept may be closed at this moment.
    const status = () =>
      fetch(`${served.origin}/api/v1/status`).then(
        (response) => response.status,
        () => 0,
      );
    await until('tokens are asked for', async () => (await status()) === 401);
    try {
      await using opened = await open('#/sql');
      const { page } = opened;
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByText('Your token may not ask in SQL.').waitFor();
      await page.goto(`${served.origin}/#/settings`);
      await page.getByText('reader', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('Token', { exact: true }).waitFor();
      assert.deepEqual(opened.complaints, []);
    } finally {
      served.weir('serve', 'token', 'remove', 'reader');
      await until('no token is asked for', async () => (await status()) === 200);
    }
  });
});

describe('the settings', () => {
  it('say what the API says of the server, its history, its hooks and its host', async () => {
    const server = await served.ask('server', '');
    const { hosts } = await served.ask('hosts', '');
    await using opened = await open('#/settings');
    const { page } = opened;
    await page.getByText(server.listen[0]!, { exact: true }).waitFor();
    await page.getByText('30 d, or 10 GB').waitFor();
    assert.equal(server.collectors.length, 1);
    const hooks = server.collectors[0]!.hooks!;
    assert.ok(hooks.some(({ hook }) => hook !== undefined));
    const rows = page.getByRole('table', { name: 'Hooks' }).getByRole('row');
    assert.equal(await rows.count(), hooks.length + 1);
    for (const { purpose, hook = 'none', blind } of hooks) {
      const text = await rows.filter({ hasText: purpose }).innerText();
      for (const each of [hook, ...blind]) assert.ok(text.includes(each), each);
    }
    await page.getByRole('table', { name: 'Hosts' }).getByText(hosts[0]!.kernel!).first().waitFor();
    await page.getByText('nobody: no token is needed here').waitFor();
    assert.deepEqual(opened.complaints, []);
  });

  it('change the theme, and forget what the browser keeps', async () => {
    await using opened = await open('#/settings');
    const { page } = opened;
    await page.getByRole('button', { name: 'Dark', exact: true }).last().click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await page.evaluate(() => localStorage.setItem('weir.filters', '["x"]'));
    await page.reload();
    await page.getByRole('button', { name: 'Forget all of it' }).click();
    assert.equal(await page.evaluate(() => localStorage.getItem('weir.filters')), null);
  });
});

describe('SQL and settings', () => {
  it('have nothing that axe finds serious, light and dark, wide and narrow', async () => {
    const sql = 'SELECT time, comm, peer_address, peer_port, bytes_sent FROM ends ORDER BY time';
    for (const [hash, text] of [
      [sqlHash(sql), '87 rows'],
      [sqlHash('SELECT coom FROM ends'), 'Line 1, column 8'],
      ['#/settings', '30 d, or 10 GB'],
    ] as const) {
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const width of [1440, 390]) {
          await using opened = await open(hash, { colorScheme, viewport: { width, height: 800 } });
          await opened.page.getByText(text).first().waitFor();
          assert.deepEqual(await accessibilityProblems(opened.page), [], `${hash} ${colorScheme} ${width}`);
          const wide = await opened.page.evaluate(() => document.documentElement.scrollWidth);
          assert.equal(wide, width, `${hash}: nothing is wider than the window`);
        }
      }
    }
  });
});
