/** The source files of the checkout, which the tests of the house read. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { repository } from '../../src/paths.js';

export interface SourceFile {
  /** Relative to the checkout. */
  readonly path: string;
  readonly lines: readonly string[];
}

const ignoredFolders = new Set(['node_modules', 'dist', 'generated', 'fixtures']);
const textFile = /\.(ts|tsx|js|c|h|md|sh|svg|config)$|^(init|Vagrantfile)$/;

/** Paths of the text files below a folder of the checkout, without what is compiled or generated. */
export function listTexts(folder: string): string[] {
  return readdirSync(join(repository, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ignoredFolders.has(entry.name) ? [] : listTexts(path);
    return textFile.test(entry.name) ? [path] : [];
  });
}

export function readSource(path: string): SourceFile {
  return { path, lines: readFileSync(join(repository, path), 'utf8').split('\n') };
}

/** Folders of the packages that are published, such as `packages/ebpf`. */
export const packageFolders: readonly string[] = readdirSync(join(repository, 'packages'))
  .map((name) => `packages/${name}`)
  .sort();

function rootPages(): string[] {
  return readdirSync(repository).filter((name) => name.endsWith('.md'));
}

/** What a reader of the project reads: sources, kernel programs, the lab, the bench, the release, examples and pages. */
export function listReadings(): SourceFile[] {
  const folders = packageFolders.flatMap((folder) =>
    readdirSync(join(repository, folder)).flatMap((name) =>
      ['src', 'bpf', 'build'].includes(name) ? listTexts(`${folder}/${name}`) : [],
    ),
  );
  const readmes = packageFolders.map((folder) => `${folder}/README.md`);
  const others = ['lab', 'bench', 'examples', 'apidocs', 'release', 'docs'].flatMap(listTexts);
  return [...folders, ...readmes, ...others, ...rootPages()].map(readSource);
}

/** Sources of TypeScript packages, by package. */
export function listSources(): Map<string, string[]> {
  return new Map(
    [...packageFolders, 'lab', 'bench', 'release'].map((folder) => [
      folder,
      listTexts(`${folder}/src`).filter((path) => /\.tsx?$/.test(path)),
    ]),
  );
}

/** The name of a file up to its first dot. */
export function baseName(path: string): string {
  return basename(path).split('.', 1)[0]!;
}
