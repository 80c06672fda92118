/** The files of a system package, as they lie on the machine. */

import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { repository, run } from '@weir/lab';
import type { Architecture, Parts } from '../executable/parts.js';
import { manPage } from './man-page.js';

/** How systems differ. */
export interface Layout {
  readonly zshFunctions: string;
  readonly systemdUnits: string;
  /** Folder of the changelog and the licences. */
  readonly documents: string;
}

export const debianLayout: Layout = {
  zshFunctions: 'usr/share/zsh/vendor-completions',
  systemdUnits: 'lib/systemd/system',
  documents: 'usr/share/doc/weir',
};

export const rpmLayout: Layout = {
  zshFunctions: 'usr/share/zsh/site-functions',
  systemdUnits: 'usr/lib/systemd/system',
  documents: 'usr/share/doc/weir',
};

/** What is put together, and from what. */
export interface TreeSource {
  /** Folder that `buildExecutable()` has written. */
  readonly executable: string;
  readonly parts: Parts;
  readonly arch: Architecture;
  readonly version: string;
  /** The settings that a new host gets; by default those in release/system. */
  readonly settings?: string;
}

/** Commands that have a page, with what `apropos` shows. */
const pages: Readonly<Record<string, string>> = {
  trace: 'print every TCP connection of this host as it happens',
  top: 'show live connections by traffic',
  query: 'ask a history of connections',
  serve: 'remember every connection of this host',
  balance: 'balance load in layer 4, by XDP',
  doctor: 'show what this kernel offers, and what weir uses of it',
};

const overview = `## SYNOPSIS

    weir COMMAND [options]

## DESCRIPTION

Shows which program of this host talks to whom, how much, how well, and how it ended; keeps that; and balances load.

${Object.entries(pages)
  .map(([name, summary]) => `- \`weir ${name}\`: ${summary}. See weir-${name}(1).`)
  .join('\n')}
`;

const system = (name: string) => join(repository, 'release/system', name);

function put(path: string, text: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** Compressed without time and name, so that the same text is the same file. */
export const compress = (text: string): Buffer => gzipSync(text, { level: 9 });

export function copy(from: string, to: string, mode: number): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  copyFileSync(from, to);
  chmodSync(to, mode);
}

/** Writes the libraries that the executable loads, which are of others and seldom change. */
export function writeLibraries(root: string, { executable, parts }: TreeSource): void {
  for (const name of ['duckdb.node', 'libduckdb.so'])
    copy(join(executable, name), join(root, `usr/lib/weir/${name}`), 0o644);
  // Beside the executable, it need not be written to a temporary file at each start.
  copy(parts.koffi, join(root, 'usr/lib/weir/koffi.node'), 0o644);
}

export function writeExecutable(root: string, { executable }: TreeSource): void {
  copy(join(executable, 'weir'), join(root, 'usr/lib/weir/weir'), 0o755);
}

/** Writes the licences of what is in the executable and beside it, into the folder of documents. */
export function writeLicences(root: string, documents: string, { executable }: TreeSource): void {
  const name = 'THIRD-PARTY-LICENSES.txt';
  copy(join(executable, name), join(root, documents, name), 0o644);
}

/** Writes everything but what dpkg or rpm want to know. */
export async function writeTree(root: string, layout: Layout, source: TreeSource): Promise<void> {
  const at = (path: string) => join(root, path);
  writeExecutable(root, source);
  writeLibraries(root, source);
  copy(system('weir.sh'), at('usr/bin/weir'), 0o755);
  copy(system('weir-serve.service'), at(`${layout.systemdUnits}/weir-serve.service`), 0o644);
  copy(system('weir-balance@.service'), at(`${layout.systemdUnits}/weir-balance@.service`), 0o644);
  copy(system('weir.sysusers'), at('usr/lib/sysusers.d/weir.conf'), 0o644);
  copy(system('weir.tmpfiles'), at('usr/lib/tmpfiles.d/weir.conf'), 0o644);
  copy(source.settings ?? system('serve.yaml'), at('etc/weir/serve.yaml'), 0o644);
  put(
    at('usr/share/man/man1/weir.1.gz'),
    compress(manPage('weir', 'who talks to whom on this host', overview, source.version)),
  );
  for (const [name, summary] of Object.entries(pages)) {
    const markdown = readFileSync(join(repository, `docs/${name}.md`), 'utf8');
    const page = manPage(`weir ${name}`, summary, markdown, source.version);
    put(at(`usr/share/man/man1/weir-${name}.1.gz`), compress(page));
  }
  const completion = async (shell: string) =>
    await run(process.execPath, [join(repository, 'packages/cli/bin/weir.js'), 'completion', shell]);
  put(at('usr/share/bash-completion/completions/weir'), await completion('bash'));
  put(at(`${layout.zshFunctions}/_weir`), await completion('zsh'));
  put(at('usr/share/fish/vendor_completions.d/weir.fish'), await completion('fish'));
  writeLicences(root, layout.documents, source);
}
