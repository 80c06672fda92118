/**
 * Measures what docs/page.md says of the page's speed: the time until it shows something and until everything can be used, and how often a
 * large map is drawn while it is dragged. It needs root and Chromium:
 *
 *     node packages/web/build/measure.js [--seconds 60] [--rounds 15]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ORIGIN, RunningPage } from './running-page.js';

const SIZE = { width: 1440, height: 900 };
const [NODES, EDGES] = [100, 300];
const DRAG_FRAMES = 300;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, rounds: { type: 'string', default: '15' } },
});

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
function report(what, samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const text = (part) => at(sorted, part).toFixed(1);
  console.log(`${what}: median ${text(0.5)} ms, least ${text(0)}, 95 % ${text(0.95)}, most ${text(1)}`);
}

/** One visit of a browser without a cache. @returns milliseconds until something is seen, and until all figures are */
async function visit(browser) {
  const context = await browser.newContext({ viewport: SIZE, locale: 'en-US' });
  const page = await context.newPage();
  // Both are of the page's own clock.
  await page.addInitScript(() => {
    const whole = setInterval(() => {
      const tables = document.querySelectorAll('table').length;
      const charts = document.querySelectorAll('canvas').length;
      if (tables < 4 || charts < 2 || document.querySelector('[aria-busy=true]') !== null) return;
      clearInterval(whole);
      globalThis.wholeMs = performance.now();
    }, 5);
  });
  await page.goto(`${ORIGIN}/#/overview?range=-${values.seconds}s`);
  await page.waitForFunction(() => globalThis.wholeMs !== undefined);
  const times = await page.evaluate(() => {
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return { content: paint?.startTime, whole: globalThis.wholeMs };
  });
  await context.close();
  return times;
}

/** Milliseconds from frame to frame while a map is dragged. */
async function drag(browser) {
  const page = await browser.newPage({ viewport: SIZE, locale: 'en-US' });
  await page.route('**/api/v1/map?*', (route) => route.fulfill({ json: largeMap() }));
  await page.goto(`${ORIGIN}/#/map?range=-1m`);
  await page.getByText(`${NODES} services · ${EDGES} links`).waitFor();
  await page.locator('.map-picture [role=button]').first().waitFor();
  await sleep(1_000);
  return page.evaluate(async (count) => {
    const surface = document.querySelector('.map-picture');
    const { left, top } = surface.getBoundingClientRect();
    surface.setPointerCapture = () => {};
    const fire = (type, step) =>
      surface.dispatchEvent(
        new PointerEvent(type, {
          ...{ bubbles: true, pointerId: 1, button: 0, buttons: 1 },
          clientX: left + 600 + 200 * Math.sin(step / 15),
          clientY: top + 300 + 100 * Math.cos(step / 15),
        }),
      );
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    fire('pointerdown', 0);
    const gaps = [];
    let before = await frame();
    for (let step = 1; step <= count; step++) {
      fire('pointermove', step);
      const now = await frame();
      gaps.push(now - before);
      before = now;
    }
    fire('pointerup', count);
    return gaps;
  }, DRAG_FRAMES);
}

function largeMap() {
  const moment = new Date().toISOString().replace('Z', '000000Z');
  const sums = {
    ...{ connections: 1, failures: 0, bytes_received: 0, segments_sent: 0, segments_received: 0 },
    ...{ retransmits: 0, rate: 0 },
  };
  const id = (number) => JSON.stringify(['group', `service-${number % NODES}`]);
  const nodes = Array.from({ length: NODES }, (_, number) => {
    return { ...sums, bytes_sent: number, id: id(number), kind: 'group', name: `service-${number}` };
  });
  const edges = Array.from({ length: EDGES }, (_, number) => {
    const ends = { from: id(number), to: id(number * 7 + 1 + Math.floor(number / NODES)) };
    return { ...sums, ...ends, bytes_sent: number, port: 443, last: moment };
  });
  const range = { from: moment, to: moment };
  return { range, losses: [], unrecorded: [], count: EDGES, nodes, edges };
}

const running = await RunningPage.start();
try {
  await sleep(Number(values.seconds) * 1000);
  const browser = await running.browser();
  const visits = [];
  for (let round = 0; round < Number(values.rounds); round++) visits.push(await visit(browser));
  report(
    'first content',
    visits.map(({ content }) => content),
  );
  report(
    'all figures',
    visits.map(({ whole }) => whole),
  );
  report(`from frame to frame, a map of ${NODES} nodes and ${EDGES} links`, await drag(browser));
  await browser.close();
} finally {
  await running.stop();
}
