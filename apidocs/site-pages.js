/** Makes Markdown pages part of the site: by their headings, in groups, with diagrams drawn. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Converter, KindRouter, Renderer } from 'typedoc';
import { pageGroups, placeOf } from './pages.js';

const mermaid = fileURLToPath(import.meta.resolve('@mermaid-js/tiny'));

/** Addresses of pages are as their files' paths, whatever their headings are. */
const fileNames = new WeakMap();

class PageRouter extends KindRouter {
  getIdealBaseName(reflection) {
    const name = fileNames.get(reflection);
    return name === undefined ? super.getIdealBaseName(reflection) : `documents/${name}`;
  }
}

function placePage(_context, page) {
  const path = page.project.files.getReflectionPath(page);
  const { group, name } = placeOf(path);
  const heading = page.content[0]?.text.match(/^\s*# (.+)\n/);
  if (group === undefined || !heading) throw new Error(`${path}: a page needs a group and a heading`);
  page.frontmatter.group = group;
  page.name = heading[1];
  fileNames.set(page, name);
}

export function addPages(app) {
  app.options.setValue('groupOrder', [...Object.keys(pageGroups), '*']);
  // Who searches looks for a page before a name of the API.
  app.options.setValue(
    'searchGroupBoosts',
    Object.fromEntries(Object.keys(pageGroups).map((group) => [group, 500])),
  );
  app.renderer.defineRouter('pages', PageRouter);
  app.options.setValue('router', 'pages');
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, placePage);
  app.renderer.on(Renderer.EVENT_END, ({ outputDirectory }) =>
    copyFileSync(mermaid, join(outputDirectory, 'assets', 'mermaid.js')),
  );
}
