/**
 * Makes the pictures of the README, docs/page-overview.webp and docs/page-map.webp, from traffic that it makes in a network namespace of
 * its own. It needs root, Chromium, and some minutes:
 *
 *     node packages/web/build/pictures.js [--seconds 240]
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ORIGIN, RunningPage } from './running-page.js';

/** README.md is slow to load with larger ones. */
const MOST_BYTES = 150 * 1024;
const SIZE = { width: 1280, height: 800 };

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '240' } } });

async function take(browser, view, name) {
  const page = await browser.newPage({ viewport: SIZE, locale: 'en-US', colorScheme: 'light' });
  await page.goto(`${ORIGIN}/#/${view}?range=-${values.seconds}s`);
  await page.getByRole('navigation', { name: 'Views' }).waitFor();
  // What is drawn last: charts, and the layout of the map.
  await page.waitForLoadState('networkidle').catch(() => {});
  await sleep(3_000);
  const session = await page.context().newCDPSession(page);
  for (let quality = 90; ; quality -= 10) {
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality });
    const bytes = Buffer.from(data, 'base64');
    if (bytes.length > MOST_BYTES && quality > 40) continue;
    if (bytes.length > MOST_BYTES) throw new Error(`${name} has ${bytes.length} bytes`);
    writeFileSync(fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url)), bytes);
    console.log(`docs/${name}: ${bytes.length} bytes`);
    break;
  }
  await page.close();
}

const running = await RunningPage.start();
try {
  await sleep(Number(values.seconds) * 1000);
  const browser = await running.browser();
  await take(browser, 'overview', 'page-overview.webp');
  await take(browser, 'map', 'page-map.webp');
  await browser.close();
} finally {
  await running.stop();
}
