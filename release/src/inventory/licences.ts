/** The licences of others, as their texts ask for: each beside the name of what it is about. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '@weir/lab';
import type { Component } from './lock.js';

const licenceFile = /^(licen[cs]e|copying|notice)([.-].*)?$/i;
const separator = `\n${'-'.repeat(80)}\n\n`;

const mitText = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

const partOf = ({ name }: Component): string => `A part of ${name}, under the licence of that.`;

function textsIn(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && licenceFile.test(entry.name))
    .map(({ name }) => name)
    .sort();
  if (files.length === 0) return undefined;
  return files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n');
}

/** The text of a licence that a package only names. */
function declaredText(folder: string, license: string): string | undefined {
  if (license !== 'MIT' || !existsSync(folder)) return undefined;
  const { author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    author?: string | { name: string };
  };
  const name = typeof author === 'object' ? author.name : author;
  return name === undefined ? undefined : `Copyright (c) ${name}\n\n${mitText}`;
}

/**
 * Returns names, versions, licences and their texts, sorted by name. Binaries for one kind of machine that come without a text, or
 * are not installed on this one, refer to the package that they are parts of.
 *
 * @throws Error for a package whose text is nowhere: it could not be shipped.
 */
export function thirdPartyLicences(
  components: readonly Component[],
  extra: readonly { readonly title: string; readonly text: string }[] = [],
): string {
  const others = components.filter(({ isOwn }) => !isOwn);
  const parts = others.map((component) => {
    const { name, version, license, path, isOptional } = component;
    const folder = join(repository, path);
    const whole = isOptional && others.find(({ dependencies }) => dependencies.includes(path));
    const text =
      textsIn(folder) ??
      (whole !== undefined && whole !== false ? partOf(whole) : declaredText(folder, license));
    if (text === undefined)
      throw new Error(`${name} has no file with its licence, and its author is unknown`);
    return {
      title: `${name} ${version} (${license})`,
      text,
    };
  });
  const all = [...new Map([...parts, ...extra].map((part) => [part.title, part])).values()];
  all.sort((a, b) => (a.title < b.title ? -1 : 1));
  return all.map(({ title, text }) => `${title}\n\n${text}\n`).join(separator);
}
