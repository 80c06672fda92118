/** The site as a reader has it: from files, without a server and without a network. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../', import.meta.url));
const site = mkdtempSync(join(tmpdir(), 'weir-site-'));
after(() => rmSync(site, { recursive: true }));

const browserFile = '/usr/bin/chromium';
/** `npm test` as root installs Chromium. */
const skip =
  existsSync(browserFile) || process.getuid() === 0 ? false : 'needs Chromium: apt-get install chromium';

/** What a page refers to: `a` by href, the rest by what it loads. */
const references = /<(a|img|link|script|use)\b[^>]*?\s(?:href|src)="([^"]*)"/g;
const unescaped = (text) => text.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"');

describe('the site', () => {
  /** @type {Map<string, {ids: Set<string>, references: {element: string, target: string}[]}>} */
  const pages = new Map();

  before(async () => {
    await run(process.execPath, ['build.js', site], { cwd: folder }).catch(({ stdout, stderr }) =>
      assert.fail(`${stdout}${stderr}`),
    );
    for (const file of readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.html'))) {
      const text = readFileSync(join(site, file), 'utf8');
      pages.set(file, {
        ids: new Set([...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => unescaped(id))),
        references: [...text.matchAll(references)].map(([, element, target]) => ({
          element,
          target: unescaped(target),
        })),
      });
    }
  });

  it('has a page for each Markdown page', () => {
    for (const file of readdirSync(join(folder, '../docs')).filter((name) => name.endsWith('.md')))
      assert.ok(pages.has(`documents/${file.replace('.md', '.html')}`), file);
  });

  it('loads nothing from elsewhere', () => {
    const loaded = [...pages].flatMap(([file, { references }]) =>
      references
        .filter(({ element, target }) => element !== 'a' && /^(\w+:)?\/\//.test(target))
        .map(({ target }) => `${file}: ${target}`),
    );
    assert.deepEqual(loaded, []);
  });

  it('has no link that leads nowhere', () => {
    const broken = [];
    let checked = 0;
    for (const [file, { references }] of pages) {
      for (const { target } of references) {
        if (/^(\w+:|\/\/)/.test(target)) continue;
        checked++;
        const [path, fragment = ''] = target.split('#');
        const to = path === '' ? file : relative(site, join(site, dirname(file), decodeURI(path)));
        const id = decodeURIComponent(fragment);
        const isThere = pages.has(to) ? id === '' || pages.get(to).ids.has(id) : existsSync(join(site, to));
        if (!isThere) broken.push(`${file}: ${target}`);
      }
    }
    assert.ok(checked > 10_000, String(checked));
    assert.deepEqual(broken, []);
  });

  it('is searched, and draws its diagram, in a browser without a network', { skip }, async () => {
    const browser = await chromium.launch({
      executablePath: browserFile,
      args: ['--no-sandbox', '--disable-gpu'],
    });
    try {
      const context = await browser.newContext({ offline: true });
      const page = await context.newPage();
      const failures = [];
      page.on('pageerror', (error) => failures.push(String(error)));
      // From files, the pages have their icons from a script.
      page.on('requestfailed', (request) => {
        if (!request.url().endsWith('/assets/icons.svg')) failures.push(request.url());
      });

      await page.goto(pathToFileURL(join(site, 'index.html')).href);
      await page.click('#tsd-search-trigger');
      await page.fill('#tsd-search-input', 'agent-check');
      await page.locator('#tsd-search-results a', { hasText: 'Health checks' }).click();
      await page.waitForURL(/documents\/health\.html/);

      await page.goto(pathToFileURL(join(site, 'documents', 'architecture.html')).href);
      await page.waitForSelector('.diagram svg g.node');
      assert.deepEqual(failures, []);
    } finally {
      await browser.close();
    }
  });
});
