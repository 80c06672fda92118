/** The page in Chromium, on connections whose numbers are known. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import {
  accessibilityProblems,
  openBrowser,
  openPage,
  ServedPage,
  until,
  type WatchedPage,
} from './support/served-page.js';

const [COUNT, REFUSED, SENT, REPLIED] = [40, 7, 77, 1234];
const onlyRefused = new RegExp(`^${REFUSED} connections ended, ${REFUSED} failed`);
const NAME = 'evil\u202egnp<b>';

let browser: Browser;
let served: ServedPage;

before(async () => {
  browser = await openBrowser();
  served = await ServedPage.start();
  await served.record(1_500);
  await served.make({ count: COUNT, refused: REFUSED, sent: SENT, replied: REPLIED, name: NAME });
  await served.record(1_000);
});
after(async () => {
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

const open = (hash: string, options = {}) => openPage(browser, `${served.origin}/${hash}`, options);

/** The figures stay when time goes on. */
async function fixedRange(): Promise<string> {
  const { range } = await served.ask('losses', 'range=-10m');
  return `${range.from}..${range.to}`;
}

const hashText = ({ page }: WatchedPage) => new URL(page.url()).hash;

describe('the page', () => {
  it('shows the figures of the API, asks no other host, and breaks no policy', async () => {
    const range = await fixedRange();
    await using opened = await open(`#/overview?range=${encodeURIComponent(range)}`);
    const { page, complaints } = opened;
    const { total } = await served.ask('groups', `range=${encodeURIComponent(range)}`);
    assert.deepEqual([total.connections, total.failures], [2 * COUNT + REFUSED, REFUSED]);
    await page.getByText(`${total.connections} connections ended, ${REFUSED} failed`).waitFor();
    const failures = page.getByRole('table', { name: 'Failures by error' });
    assert.match(
      await failures.getByRole('row').nth(1).innerText(),
      new RegExp(`ECONNREFUSED refused\\s+${REFUSED}\\s`),
    );
    // Sums of what the tables behind the charts show are those of the API.
    await page.getByRole('figure', { name: 'Connections over time' }).getByText('Table').click();
    const cells = page.getByRole('region', { name: 'Connections over time, as a table' }).locator('td');
    await until('a rate', async () =>
      (await cells.allInnerTexts()).some((cell) => /^[1-9].*\/s$/.test(cell)),
    );
    assert.deepEqual(complaints, []);
  });

  it('shows a name that would reorder the line by codes, everywhere', async () => {
    await using opened = await open('#/overview?range=-10m');
    const { page } = opened;
    const processes = page.getByRole('table', { name: 'Top processes, by bytes' });
    await processes.getByText('evil\\u202egnp<b>').waitFor();
    assert.doesNotMatch(await page.evaluate(() => document.documentElement.outerHTML), /\u202e/);
    // The link chooses exactly this process.
    const link = await processes.getByRole('link').first().getAttribute('href');
    const filter = new URLSearchParams(link!.slice(link!.indexOf('?'))).get('filter')!;
    const { total } = await served.ask('groups', `range=-10m&filter=${encodeURIComponent(filter)}`);
    assert.equal(total.connections, 2 * COUNT + REFUSED);
  });

  it('has nothing that axe finds serious, light and dark, wide and narrow', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1440, 390]) {
        await using opened = await open('#/overview?range=-10m', {
          colorScheme,
          viewport: { width, height: 800 },
        });
        await opened.page.getByText('connections ended').waitFor();
        await opened.page.getByRole('table', { name: 'Top peers, by bytes' }).waitFor();
        assert.deepEqual(await accessibilityProblems(opened.page), [], `${colorScheme}, ${width} pixels`);
        assert.equal(
          await opened.page.evaluate(() => document.documentElement.scrollWidth),
          width,
          'nothing is wider than the window',
        );
      }
    }
  });

  it('completes a filter, shows a mistake under its column, and keeps it in the link', async () => {
    await using opened = await open('#/overview?range=-10m');
    const { page } = opened;
    await page.getByText(`${2 * COUNT + REFUSED} connections ended`).waitFor();
    await page.keyboard.press('/');
    const input = page.getByRole('combobox', { name: 'Filter' });
    await input.pressSequentially('dir:out prt:1');
    await input.press('Enter');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    assert.match(await alert.innerText(), /there is no field prt/);
    assert.equal(await alert.locator('pre').textContent(), `${' '.repeat(8)}^`);
    assert.ok(!hashText(opened).includes('filter'), 'a filter that makes no sense does not hold');
    await input.fill('');
    await input.pressSequentially('error:ECO');
    await page.getByRole('option', { name: /^ECONNREFUSED 7 connections/ }).waitFor();
    await input.press('ArrowDown');
    await input.press('Tab');
    assert.equal(await input.inputValue(), 'error:ECONNREFUSED ');
    await input.press('Escape');
    await input.press('Enter');
    await page.getByText(onlyRefused).waitFor();
    assert.match(hashText(opened), /filter=error%3AECONNREFUSED/);
    // The same in a fresh browser, and the one before by the back button.
    await using other = await openPage(browser, page.url());
    await other.page.getByText(onlyRefused).waitFor();
    await page.goBack();
    await page.getByText(`${2 * COUNT + REFUSED} connections ended`).waitFor();
    assert.equal(await input.inputValue(), '');
    assert.deepEqual([...opened.complaints, ...other.complaints], []);
  });

  it('can be used by keys alone', async () => {
    await using opened = await open('#/overview');
    const { page } = opened;
    await page.getByText('connections ended').waitFor();
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keys' });
    await help.waitFor();
    await page.keyboard.press('Escape');
    // Until it has closed, keys are those of the dialog.
    await help.waitFor({ state: 'hidden' });
    // Where the machine is slow, the second key can come too late for the first.
    await until('the view of failures', async () => {
      for (const key of ['g', 'f']) await page.keyboard.press(key);
      return page.getByRole('heading', { name: 'Failures', level: 1 }).isVisible();
    });
    await page.keyboard.press('p');
    await until('a range that stays', () => /range=2\d\d\d-/.test(hashText(opened)));
    const before = hashText(opened);
    await page.keyboard.press('[');
    await until('an earlier range', () => hashText(opened) !== before);
    await page.getByRole('slider', { name: /Range of time/ }).focus();
    const earlier = hashText(opened);
    await page.keyboard.press('ArrowUp');
    await until('a shorter range', () => hashText(opened) !== earlier);
    await page.keyboard.press('n');
    await until('now', () => !hashText(opened).includes('range='));
    assert.deepEqual(opened.complaints, []);
  });

  it('says that the server is gone, keeps what it shows, and goes on when it is back', async () => {
    await using opened = await open('#/overview?range=-5m');
    const { page } = opened;
    await page.getByText('connections ended').waitFor();
    // The collector starts another one; until then every question fails.
    await page.route('**/api/**', (route) => route.abort());
    process.kill(served.serverPid, 'SIGKILL');
    await page.getByText('The server does not answer; it is tried again').waitFor();
    assert.ok(await page.getByText('connections ended').isVisible());
    assert.equal(await page.locator('main').getAttribute('class'), 'is-old');
    await page.unroute('**/api/**');
    await page.getByText('The server does not answer; it is tried again').waitFor({ state: 'detached' });
    await page.getByText(`${REFUSED} failed`).waitFor();
  });

  it('asks for a token as soon as there is one, and takes no wrong one', async () => {
    const token = served.weir('serve', 'token', 'add', 'test').trim();
    await until(
      'tokens are asked for',
      async () => (await fetch(`${served.origin}/api/v1/status`)).status === 401,
    );
    try {
      await using opened = await open('#/overview?range=-10m');
      const { page } = opened;
      const input = page.getByLabel('Token');
      await input.fill('wrong-token');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByText('the token is not known').waitFor();
      assert.deepEqual(await accessibilityProblems(page), []);
      await input.fill(token);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByText(`${REFUSED} failed`).waitFor();
      await page.reload();
      await page.getByText(`${REFUSED} failed`).waitFor();
      assert.ok(
        !(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage }))).includes(token),
      );
      assert.deepEqual(opened.complaints, []);
    } finally {
      served.weir('serve', 'token', 'remove', 'test');
      await until(
        'no token is asked for',
        async () => (await fetch(`${served.origin}/api/v1/status`)).status === 200,
      );
    }
  });
});

describe('the page of an empty history', () => {
  it('says what to do', async () => {
    await using empty = await ServedPage.start();
    await using opened = await openPage(browser, `${empty.origin}/`);
    await opened.page.getByText('0 connections ended').waitFor();
    await opened.page.getByText('No connection failed.').waitFor();
    await opened.page.getByText('appear here as they end').waitFor();
    assert.deepEqual(opened.complaints, []);
  });
});
