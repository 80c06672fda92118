/** The map and the page of a connection in Chromium, on connections whose numbers are known. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import type { ConnectionAnswer, MapAnswer } from '../src/api/api-types.js';
import { answerOf, edge } from './support/map-edges.js';
import {
  accessibilityProblems,
  openBrowser,
  openPage,
  ServedPage,
  until,
  type WatchedPage,
} from './support/served-page.js';

const [COUNT, REFUSED, SENT, REPLIED] = [30, 6, 77, 1234];
const NAME = 'ev\u202e<b>\u200bx';
const SHOWN = 'ev\\u202e<b>\\u200bx';
/** A command line may be as long as it likes. */
const LONG = `<i>\u2066${'y'.repeat(1000)}`;

let browser: Browser;
let served: ServedPage;
let range = '';

before(async () => {
  browser = await openBrowser();
  served = await ServedPage.start();
  await served.make({ count: COUNT, refused: REFUSED, sent: SENT, replied: REPLIED, name: NAME });
  await served.make({ count: 2, refused: 0, sent: 1, replied: 1, name: LONG });
  const losses = await served.ask('losses', 'range=-10m');
  range = `range=${encodeURIComponent(`${losses.range.from}..${losses.range.to}`)}`;
});
after(async () => {
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

const open = (hash: string, options = {}) => openPage(browser, `${served.origin}/${hash}`, options);
const nodes = (page: Page) => page.locator('[data-node]');
const nodeOf = (page: Page, name: string) => page.getByRole('button', { name });
const placeOf = async (node: Locator) => [
  await node.getAttribute('data-x'),
  await node.getAttribute('data-y'),
];
const hashParameters = ({ page }: WatchedPage) =>
  new URLSearchParams(new URL(page.url()).hash.replace(/^[^?]*\??/, ''));
const layerMotion = (page: Page) =>
  page.locator('.map-layer').evaluate((layer) => (layer as HTMLElement).style.transform);

describe('the map', () => {
  it('has the nodes, the links and the figures of the API', async () => {
    await using opened = await open(`#/map?${range}`);
    const { page, complaints } = opened;
    const answer = await served.ask('map', `${range}&by=process`);
    await nodes(page).first().waitFor();
    assert.equal(await nodes(page).count(), answer.nodes.length);
    const failing = answer.edges.find(({ failures }) => failures > 0)!;
    assert.deepEqual([failing.connections, failing.failures, failing.port], [REFUSED, REFUSED, 1]);
    const own = answer.edges.find(({ bytes_sent }) => bytes_sent === COUNT * SENT)!;
    assert.deepEqual([own.connections, own.bytes_received], [COUNT, COUNT * REPLIED]);
    const node = nodeOf(page, `${SHOWN}, process: ${COUNT + REFUSED} connections, ${REFUSED} failed`);
    await node.waitFor();
    // What fails is not only red.
    assert.equal(await node.locator('.map-cross').count(), 1);
    const dashes = await page
      .locator('.map-link.is-bad .map-line')
      .evaluate((line) => getComputedStyle(line).strokeDasharray);
    assert.notEqual(dashes, 'none');
    await page.getByText('Links as a table').click();
    const rows = page.getByRole('region', { name: 'Links of the map' }).getByRole('row');
    await rows.nth(1).getByRole('cell').first().waitFor();
    const cells = await rows.nth(1).getByRole('cell').allInnerTexts();
    assert.deepEqual(
      [cells[0], cells[1], cells[3], cells[4]],
      ['127.0.0.1', '1', `${REFUSED}`, `${REFUSED}`],
    );
    assert.equal(await rows.count(), answer.edges.length + 1);
    assert.deepEqual(complaints, []);
  });

  it('shows names that would reorder, hide or be markup by codes, cut where they are long', async () => {
    for (const by of ['process', 'command_line']) {
      await using opened = await open(`#/map?${range}&by=${by}`);
      const { page, complaints } = opened;
      await nodes(page).first().waitFor();
      await page.getByText('Links as a table').click();
      await nodes(page).first().hover();
      const html = await page.evaluate(() => document.documentElement.outerHTML);
      assert.doesNotMatch(html, /[\u202e\u200b\u2066]/);
      assert.equal(await page.locator('.map-view b, .map-view i').count(), 0);
      const widths = await nodes(page).evaluateAll((all) =>
        all.map((node) => (node as SVGGElement).getBBox().width),
      );
      assert.ok(
        widths.every((width) => width < 190),
        `labels stay in their nodes: ${widths}`,
      );
      assert.deepEqual(complaints, []);
    }
  });

  it('shows what is selected beside it, and leads to its connections', async () => {
    await using opened = await open(`#/map?${range}`);
    const { page, complaints } = opened;
    await nodeOf(page, SHOWN).first().click();
    const panel = page.getByRole('complementary', { name: 'Selection' });
    await panel.getByText(`${REFUSED} (17%)`).waitFor();
    await panel.getByText('ECONNREFUSED').waitFor();
    const href = (await panel.getByRole('link', { name: 'Connections' }).getAttribute('href'))!;
    const filter = new URLSearchParams(href.slice(href.indexOf('?'))).get('filter')!;
    const { total } = await served.ask('groups', `${range}&filter=${encodeURIComponent(filter)}`);
    assert.equal(total.connections, 2 * COUNT + REFUSED, filter);
    await panel.getByRole('button', { name: '127.0.0.1' }).click();
    await panel.getByText('port 1', { exact: true }).waitFor();
    assert.ok(hashParameters(opened).get('select')!.includes('127.0.0.1'));
    // The link shows the same in a fresh browser.
    await using other = await openPage(browser, page.url());
    await other.page
      .getByRole('complementary', { name: 'Selection' })
      .getByText('port 1', { exact: true })
      .waitFor();
    assert.deepEqual([...complaints, ...other.complaints], []);
  });

  it('can be used by keys alone', async () => {
    await using opened = await open(`#/map?${range}`);
    const { page, complaints } = opened;
    await nodes(page).first().waitFor();
    await page.getByRole('group', { name: /^Map of/ }).focus();
    const start = await layerMotion(page);
    await page.keyboard.press('ArrowRight');
    await until('the map has moved', async () => (await layerMotion(page)) !== start);
    const moved = await layerMotion(page);
    await page.keyboard.press('+');
    await until('the map is larger', async () => (await layerMotion(page)) !== moved);
    await until('the link says it', () => hashParameters(opened).get('look') !== null);
    await using other = await openPage(browser, page.url());
    await nodes(other.page).first().waitFor();
    // In whole pixels of the map.
    await until('the same part in a fresh browser', async () => {
      const boxes = [page, other.page].map((each) => nodes(each).first().boundingBox());
      const [here, there] = await Promise.all(boxes);
      return Math.hypot(here!.x - there!.x, here!.y - there!.y) < 3;
    });
    await page.getByRole('button', { name: 'Lay out' }).click();
    await until('the link says it no more', () => hashParameters(opened).get('look') === null);
    await page.getByRole('group', { name: /^Map of/ }).focus();
    await page.keyboard.press('Tab');
    const focused = () =>
      page.evaluate(() => (document.activeElement as SVGElement | null)?.dataset.node ?? '');
    const first = await focused();
    assert.notEqual(first, '');
    for (const key of ['ArrowDown', 'ArrowRight', 'ArrowLeft', 'ArrowUp']) await page.keyboard.press(key);
    assert.notEqual(await focused(), '');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Selection' }).waitFor();
    assert.equal(await page.locator(`[data-node="${await focused()}"]`).getAttribute('aria-pressed'), 'true');
    await page.keyboard.press('Escape');
    await page.getByRole('complementary', { name: 'Selection' }).waitFor({ state: 'detached' });
    assert.deepEqual(complaints, []);
  });

  it('shows only what fails, and moves no node that stays', async () => {
    await using opened = await open(`#/map?${range}`);
    const { page } = opened;
    const bad = nodeOf(page, SHOWN).first();
    const place = await placeOf(bad);
    const all = await nodes(page).count();
    await page.getByLabel('Only what fails').check();
    await until('fewer nodes', async () => (await nodes(page).count()) === 2);
    assert.deepEqual(await placeOf(bad), place);
    await page.getByLabel('Only what fails').uncheck();
    await until('all nodes', async () => (await nodes(page).count()) === all);
    assert.deepEqual(await placeOf(bad), place);
  });

  it('has nothing that axe finds serious, light and dark, wide and narrow', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1440, 390]) {
        await using opened = await open(`#/map?${range}`, { colorScheme, viewport: { width, height: 800 } });
        const { page } = opened;
        await nodeOf(page, SHOWN).first().press('Enter');
        await page.getByRole('complementary', { name: 'Selection' }).getByText('ECONNREFUSED').waitFor();
        assert.deepEqual(await accessibilityProblems(page), [], `${colorScheme}, ${width} pixels`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      }
    }
  });
});

/** Answers each question about the map with these edges. */
async function answerWith(page: Page, edges: () => ReturnType<typeof edge>[]): Promise<void> {
  await page.route('**/api/v1/map?*', async (route) => {
    const moment = new Date().toISOString().replace('Z', '000000Z');
    const content = answerOf(edges().map((each) => ({ ...each, last: moment })));
    const ranges = { from: moment, to: moment };
    const answer: MapAnswer = {
      ...{ range: ranges, losses: [], unrecorded: [], count: content.edges.length },
      ...content,
    };
    await route.fulfill({ json: answer });
  });
}

describe('a large map', () => {
  const services = () =>
    Array.from({ length: 2000 }, (_, index) =>
      edge(['group', `svc-${index % 40}`], ['address', `10.${index % 4}.${index >> 8}.${index & 255}`], {
        bytes_sent: index,
        failures: index === 3 ? 1 : 0,
      }),
    );

  it('of 2,000 services draws at most 100 nodes, opens groups, and shows the one failure', async () => {
    await using opened = await open('#/overview');
    const { page, complaints } = opened;
    await answerWith(page, services);
    await page.getByRole('link', { name: 'Map' }).click();
    await page.getByText('2,040 services').waitFor();
    await nodes(page).first().waitFor();
    const count = await nodes(page).count();
    assert.ok(count > 50 && count <= 100, String(count));
    await nodeOf(page, '10.3.0.3 1 failed, address: 1 connection, 1 failed').waitFor();
    const group = nodeOf(page, '10.1.0.0/16');
    const before = await placeOf(nodeOf(page, 'svc-39 '));
    await group.press('Enter');
    await page.getByRole('complementary', { name: 'Selection' }).getByText('members').waitFor();
    await group.press('Enter');
    await page.getByRole('button', { name: 'Close the group 10.1.0.0/16' }).waitFor();
    await until('members alone', async () => (await nodeOf(page, '10.1.7').count()) > 20);
    assert.ok((await nodes(page).count()) <= 100);
    assert.deepEqual(await placeOf(nodeOf(page, 'svc-39 ')), before);
    assert.deepEqual(complaints, []);
  });

  it('of 100 nodes and 300 links is moved as one layer: no node and no link changes', async () => {
    await using opened = await open('#/overview', { viewport: { width: 1440, height: 900 } });
    const { page } = opened;
    await answerWith(page, () =>
      Array.from({ length: 300 }, (_, index) =>
        edge(['group', `s${index % 100}`], ['group', `s${(index * 7 + 1 + Math.floor(index / 100)) % 100}`], {
          bytes_sent: index,
        }),
      ),
    );
    await page.getByRole('link', { name: 'Map' }).click();
    await page.getByText('100 services · 300 links').waitFor();
    await nodes(page).first().waitFor();
    const changed = await changedWhileMoved(page);
    assert.ok(changed >= 1 && changed <= 3, `${changed} elements changed`);
  });
});

/** How many elements of the picture change while it is dragged. */
function changedWhileMoved(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const surface = document.querySelector('.map-picture')!;
    const { left, top } = surface.getBoundingClientRect();
    surface.setPointerCapture = () => {};
    const fire = (type: string, step: number) =>
      surface.dispatchEvent(
        new PointerEvent(type, {
          ...{ bubbles: true, pointerId: 1, button: 0, buttons: 1 },
          clientX: left + 600 + 200 * Math.sin(step / 15),
          clientY: top + 300 + 100 * Math.cos(step / 15),
        }),
      );
    fire('pointerdown', 0);
    const changed = new Set<Node>();
    const observer = new MutationObserver((records) => {
      for (const { target } of records) changed.add(target);
    });
    observer.observe(surface, { attributes: true, childList: true, subtree: true });
    for (let step = 0; step < 30; step++) {
      fire('pointermove', step);
      await new Promise(requestAnimationFrame);
    }
    observer.disconnect();
    fire('pointerup', 0);
    return changed.size;
  });
}

describe('the page of a connection', () => {
  const connection = async (id: string) =>
    (await (await fetch(`${served.origin}/api/v1/connections/${id}`)).json()) as ConnectionAnswer;
  const some = async (filter: string) =>
    (await served.ask('connections', `${range}&limit=1&filter=${encodeURIComponent(filter)}`))
      .connections[0]!;

  it('says who, to whom, how much and who closed, with the other end and what was around it', async () => {
    const one = await some(`dir:out sent=${SENT}`);
    await using opened = await open(`#/connection?id=${one.flow_id}`);
    const { page, complaints } = opened;
    const sentence = `${SHOWN} (${one.process!.pid}) connected to 127.0.0.1:${one.peer.port}, sent 77 B, received 1.23 kB`;
    await page.getByText(sentence).waitFor();
    await page.getByText('Established', { exact: true }).waitFor();
    const both = page.getByRole('region', { name: 'Both ends' });
    const [client, server] = [`127.0.0.1:${one.local.port}`, `127.0.0.1:${one.peer.port}`];
    const said = async (name: string) => {
      const row = both.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
      return (await row.getByRole('cell').allInnerTexts()).slice(0, 2);
    };
    await both.getByText("Client's address").waitFor();
    assert.deepEqual(await said("Client's address"), [client, client]);
    assert.deepEqual(await said("Server's address"), [server, server]);
    assert.deepEqual(await said('Process'), [SHOWN, SHOWN]);
    assert.deepEqual(await said('Bytes to the server'), ['77 B sent', '77 B received']);
    assert.deepEqual(await said('Bytes to the client'), ['1.23 kB received', '1.23 kB sent']);
    const neighbours = page.getByRole('table', { name: 'Same process, about then' });
    await neighbours.getByRole('row').nth(1).waitFor();
    assert.doesNotMatch(await page.evaluate(() => document.documentElement.outerHTML), /[\u202e\u200b]/);
    await both.getByRole('link', { name: 'Page of the server' }).click();
    await page.getByText(`127.0.0.1:${one.local.port} connected to ${SHOWN}`).first().waitFor();
    const { connections } = await connection(one.connection_id!);
    const inbound = connections.find(({ direction }) => direction === 'inbound')!;
    assert.equal(hashParameters(opened).get('id'), inbound.flow_id);
    await page.goBack();
    await page.getByText(sentence).waitFor();
    await neighbours.getByRole('link').first().click();
    await until('a neighbour', () => hashParameters(opened).get('id') !== one.flow_id);
    assert.deepEqual(complaints, []);
  });

  it('of a failure says why, and of an unknown one that there is none', async () => {
    const failed = await some('error:ECONNREFUSED');
    await using opened = await open(`#/connection?id=${failed.flow_id}`);
    const { page } = opened;
    await page.getByText('could not connect to 127.0.0.1:1: refused (ECONNREFUSED)').waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.goto(`${served.origin}/#/connection?id=0000000000000001`);
    await page.getByRole('alert').getByText('no connection 0000000000000001').waitFor();
  });

  it('that is open is followed to its end, with what it moved in each span', async () => {
    const slow = served.startSlow(1000);
    await once(slow.stdout!, 'data');
    let flow = '';
    await until('it was found open', async () => {
      const { connections } = await served.ask('open-at', 'at=now&filter=dir:out');
      flow = connections.find(({ process }) => process?.comm === 'slow')?.flow_id ?? '';
      return flow !== '';
    });
    await using opened = await open(`#/connection?id=${flow}`);
    const { page, complaints } = opened;
    await page.getByText(/^slow \(\d+\) is connected to/).waitFor();
    await until('it has moved something', async () => (await connection(flow)).intervals.length > 0);
    await page.getByRole('figure', { name: 'Bytes by minute' }).waitFor();
    slow.stdin!.end();
    await once(slow, 'exit');
    await page.getByText(/^slow \(\d+\) connected to .* and closed it\.$/).waitFor();
    const { connections, intervals } = await connection(flow);
    const sum = intervals.reduce((total, { bytes_sent = 0 }) => total + bytes_sent, 0);
    assert.equal(sum, connections[0]!.bytes_sent);
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 800 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      assert.deepEqual(await accessibilityProblems(page), []);
    }
    assert.deepEqual(complaints, []);
  });
});
