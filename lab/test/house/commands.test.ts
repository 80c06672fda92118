/** Commands in the pages name scripts, programs, kernels and objects that are there. `weir` itself reads its own in the tests of packages/cli. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { arm64Kernels, kernels } from '../../src/kernels/kernels.js';
import { repository } from '../../src/paths.js';
import { listReadings, packageFolders } from './tree.js';

interface Manifest {
  readonly name: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
}

const workspaces = [...packageFolders, 'lab', 'bench', 'examples', 'release', 'apidocs', '.'];
const manifests = workspaces
  .map((folder) => join(repository, folder, 'package.json'))
  .filter((path) => existsSync(path))
  .map((path) => JSON.parse(readFileSync(path, 'utf8')) as Manifest);
const own = manifests.at(-1)!;
const kernelNames = [...kernels, ...arm64Kernels].map(({ name }) => name);
const read = (path: string) => readFileSync(join(repository, path), 'utf8');
const manifestsOfKubernetes = readdirSync(join(repository, 'release/kubernetes')).map((name) =>
  read(`release/kubernetes/${name}`),
);

interface Command {
  readonly place: string;
  readonly words: readonly string[];
}

/** Commands of a page's blocks of code, without `sudo`, variables, and what is behind a comment or two blanks. */
function commandsOf(path: string, lines: readonly string[]): Command[] {
  let isFenced = false;
  return lines.flatMap((line, index) => {
    if (line.startsWith('```')) isFenced = !isFenced;
    if (!isFenced && !line.startsWith('    ')) return [];
    return line.split(' && ').flatMap((part) => {
      const [, text] =
        /^\s*(?:\$ )?(?:sudo )?(?:[A-Z_]+=\S+ )*([a-z][\w-]* ?.*?)(?: {2}.*| #.*)?$/.exec(part) ?? [];
      return text === undefined ? [] : [{ place: `${path}:${index + 1}`, words: text.split(' ') }];
    });
  });
}

const pages = listReadings().filter(({ path }) => path.endsWith('.md'));
const commands = pages.flatMap(({ path, lines }) => commandsOf(path, lines));
const of = (program: string) => commands.filter(({ words }) => words[0] === program);

/** The value behind an option. */
function option(words: readonly string[], name: string): string | undefined {
  return words.includes(name) ? words[words.indexOf(name) + 1] : undefined;
}

describe('commands in the pages', () => {
  test('of npm name scripts of their packages', () => {
    const found = of('npm');
    assert.ok(found.length >= 20);
    for (const { place, words } of found) {
      const [, action, name] = words;
      if (action === 'ci' || action === 'install') continue;
      const workspace = option(words, '-w');
      const manifest = workspace === undefined ? own : manifests.find((each) => each.name === workspace);
      const script = action === 'run' ? name!.replace(/[`;].*/, '') : action!;
      assert.ok(manifest?.scripts?.[script] !== undefined, `${place}: ${words.join(' ')}`);
    }
  });

  test('of the tests and the bench have options and parts that there are', () => {
    const sources = {
      test: read('lab/src/test.ts'),
      bench: read('bench/src/main.ts'),
      lab: read('lab/src/main.ts'),
    };
    for (const { place, words } of of('npm')) {
      const name = words[1] === 'run' ? words[2]! : words[1]!;
      const source = sources[name as keyof typeof sources];
      const rest = words.slice(words.indexOf('--') + 1);
      if (source === undefined || !words.includes('--')) continue;
      const given = name === 'lab' && rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
      for (const word of given.filter((each) => each.startsWith('--')))
        assert.match(source, new RegExp(`^\\s*'?${word.slice(2)}'?: \\{ type`, 'm'), `${place}: ${word}`);
      const part = option(rest, '--part');
      if (part !== undefined) assert.ok(source.includes(`parts.includes('${part}')`), `${place}: ${part}`);
      const named = [
        option(rest, '--kernels'),
        option(rest, '--kernel'),
        name === 'lab' ? rest[1] : undefined,
      ];
      for (const each of named.flatMap((text) => text?.split(',') ?? []).filter(Boolean))
        assert.ok(kernelNames.includes(each), `${place}: there is no kernel ${each}`);
    }
  });

  test('of Node.js and npx start files and programs that there are', () => {
    for (const { place, words } of of('node')) {
      const path = words.find((word) => /^[\w-]+\/.*\.js$/.test(word));
      if (path === undefined) continue;
      // What is compiled may be older than its source.
      const source = path.includes('/dist/') ? path.replace('/dist/', '/').replace(/\.js$/, '.ts') : path;
      assert.ok(existsSync(join(repository, source)), `${place}: ${path}`);
    }
    const programs = manifests.flatMap(({ bin }) => Object.keys(bin ?? {}));
    for (const { place, words } of of('npx'))
      assert.ok(programs.includes(words[1]!), `${place}: ${words[1]}`);
  });

  test('of systemd name units that packages have', () => {
    const units = readdirSync(join(repository, 'release/system'));
    const found = of('systemctl').flatMap(({ place, words }) =>
      words
        .filter((word) => word.endsWith('.service'))
        .map((word) => ({ place, unit: word.replace(/@.*\./, '@.') })),
    );
    assert.ok(found.length >= 2);
    for (const { place, unit } of found) assert.ok(units.includes(unit), `${place}: ${unit}`);
  });

  test('of Kubernetes name objects of the base', () => {
    const base = manifestsOfKubernetes.join('\n');
    const namespace = /^namespace: (\S+)$/m.exec(read('release/kubernetes/kustomization.yaml'))![1]!;
    const found = of('kubectl');
    assert.ok(found.length >= 5);
    for (const { place, words } of found) {
      const given =
        option(words, '-n') ?? (words[1] === 'create' && words[2] === 'namespace' ? words[3] : namespace);
      assert.equal(given, namespace, place);
      const secret = option(words, 'generic');
      if (secret !== undefined) assert.match(base, new RegExp(`secretName: ${secret}\\b`), place);
      const [, kind, name] = /^(\w+)\/(.+)$/.exec(words.at(-1)!) ?? [];
      if (kind !== undefined)
        assert.match(base, new RegExp(`^kind: ${kind}\\n(?:.*\\n){1,5}?\\s+name: ${name}$`, 'im'), place);
    }
  });
});
