/**
 * Makes the pictures of the README, docs/page-overview.webp and docs/page-map.webp, from traffic that it makes in a network namespace of
 * its own. It needs root, Chromium, and some minutes:
 *
 *     node packages/web/build/pictures.js [--seconds 240]
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { addresses } from './pictures-traffic.js';

/** README.md is slow to load with larger ones. */
const MOST_BYTES = 150 * 1024;
const SIZE = { width: 1280, height: 800 };
const ORIGIN = 'http://127.0.0.1:9436';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '240' } } });
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const netns = `weir-pictures-${process.pid}`;
const folder = mkdtempSync(join(tmpdir(), 'weir-pictures-'));
const ip = (...args) => execFileSync('ip', args);
const children = [];

/** A program in the network namespace. */
function start(args, stdio = 'ignore') {
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, ...args], { stdio });
  children.push(child);
  return child;
}

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
    writeFileSync(path(`../../../docs/${name}`), bytes);
    console.log(`docs/${name}: ${bytes.length} bytes`);
    break;
  }
  await page.close();
}

try {
  // The server's user passes through it.
  chmodSync(folder, 0o755);
  ip('netns', 'add', netns);
  ip('-n', netns, 'link', 'set', 'lo', 'up');
  for (const address of addresses) ip('-n', netns, 'address', 'add', `${address}/32`, 'dev', 'lo');
  const weir = [path('../../cli/bin/weir.js'), 'serve', '--folder', join(folder, 'w'), '--netns', netns];
  const served = start(
    [...weir, '--sweep', '2s', '--ready-fd', '3'],
    ['ignore', 'ignore', 'inherit', 'pipe'],
  );
  await text(served.stdio[3]);
  start([path('pictures-traffic.js')]);
  await sleep(Number(values.seconds) * 1000);
  // The browser is where the server listens.
  const wrapper = join(folder, 'chromium');
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${netns} /usr/bin/chromium "$@"\n`, { mode: 0o755 });
  const browser = await chromium.launch({ executablePath: wrapper, args: ['--no-sandbox', '--disable-gpu'] });
  await take(browser, 'overview', 'page-overview.webp');
  await take(browser, 'map', 'page-map.webp');
  await browser.close();
} finally {
  // The traffic before what records it.
  for (const child of children.reverse()) {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
  ip('netns', 'del', netns);
  rmSync(folder, { recursive: true, force: true });
}
