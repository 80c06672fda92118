/** docs/ebpf/support.md: every kind has a row, and every row a test that uses the kind, or none that is claimed. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sectionKinds } from '../src/object/sections.js';
import { LinkType } from '../src/uapi/link-types.js';
import { MapType, mapTypeName, mapTypeSince, mapTypes } from '../src/uapi/map-types.js';
import { ProgramType, programTypeName, programTypeSince } from '../src/uapi/program-types.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const testFolder = join(root, 'packages/ebpf/test');
const page = readFileSync(join(root, 'docs/ebpf/support.md'), 'utf8');
const none = '—';
const labKernels = ['5.10', '6.1', '6.12', '6.18', '7'];

type Row = readonly string[];

/** The rows of a section's table, each cell without its backquotes. */
function rows(heading: string): Row[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, heading);
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '))
    .map((cells) => cells.map((cell) => cell.replaceAll('`', '').trim()));
}

/** A test's text, with that of the objects that it loads. Tests of the examples are named by their paths in the checkout. */
function sourcesOf(file: string): string {
  const path = file.includes('/') ? join(root, file) : join(testFolder, file);
  assert.ok(existsSync(path), `${file} does not exist`);
  const text = readFileSync(path, 'utf8');
  const loaded = [...text.matchAll(/['`](link|load)\/([a-z-]+)['`]/g)].map(
    (match) => `${match[1]}/${match[2]}`,
  );
  const generated = [...text.matchAll(/\.\/generated\/([a-z-]+)\.js/g)].map((match) => `load/${match[1]}`);
  const objects = [...new Set([...loaded, ...generated])].map((name) =>
    join(testFolder, 'bpf', `${name}.bpf.c`),
  );
  const examples = [...text.matchAll(/\.\.\/ebpf\/([a-z-]+)\//g)].map(([, name]) =>
    join(root, 'examples/ebpf', `${name}/${name}.bpf.c`),
  );
  return [path, ...[...objects, ...examples].filter((object) => existsSync(object))]
    .map((name) => readFileSync(name, 'utf8'))
    .join('\n');
}

function checkTest(what: string, file: string, lab: string, since: string, uses: RegExp): void {
  if (file === none) {
    assert.equal(lab, none, `${what}: no test, and yet kernels that run it`);
    return;
  }
  assert.match(sourcesOf(file), uses, `${what}: ${file} does not use it`);
  const listed = lab.split(' ');
  const possible = labKernels.filter((kernel) => isAtLeast(kernel, since));
  for (const kernel of listed)
    assert.ok(possible.includes(kernel), `${what}: ${kernel} is older than ${since}`);
}

function isAtLeast(version: string, since: string): boolean {
  const [[major, minor = 0], [wantedMajor, wantedMinor = 0]] = [version, since].map((text) =>
    text.split('.').map(Number),
  ) as [number[], number[]];
  return major! > wantedMajor! || (major === wantedMajor && minor >= wantedMinor);
}

function names(
  kinds: Readonly<Record<string, number>>,
  nameOf: (id: number) => string,
  prefix: string,
): string[] {
  return Object.values(kinds)
    .filter((id) => id !== 0)
    .map((id) => nameOf(id).slice(prefix.length));
}

describe('the page of what is supported', () => {
  it('has each kind of program, with a test of its sections', () => {
    const table = rows('Programs');
    const kinds = new Set(table.map(([kind]) => kind));
    assert.deepEqual([...kinds].sort(), names(ProgramType, programTypeName, 'BPF_PROG_TYPE_').sort());
    for (const [kind, sections, since, file, lab] of table as [string, string, string, string, string][]) {
      const listed = sections.split(', ');
      for (const section of listed) {
        const known = sectionKinds.find(({ name }) => name === section);
        assert.equal(programTypeName(known?.type ?? 0), `BPF_PROG_TYPE_${kind}`, section);
      }
      const [section] = listed;
      assert.ok(isAtLeast(since, programTypeSince(ProgramType[camel(kind)])!), `${kind} since ${since}`);
      checkTest(section!, file, lab, since, new RegExp(`SEC\\("\\??\\.?${section!.replace('.', '\\.')}["/]`));
    }
  });

  it('has each kind of map, with a test that makes one', () => {
    const table = rows('Maps');
    assert.deepEqual(
      table.map(([kind]) => kind),
      names(MapType, mapTypeName, 'BPF_MAP_TYPE_'),
    );
    for (const [kind, since, file, lab] of table as [string, string, string, string][]) {
      const key = Object.keys(mapTypes).find(
        (name) => mapTypeName(MapType[name as keyof typeof MapType]) === `BPF_MAP_TYPE_${kind}`,
      )!;
      assert.equal(since, mapTypeSince(MapType[key as keyof typeof MapType]), kind);
      // A struct of functions is a map that its section makes.
      const uses =
        kind === 'STRUCT_OPS' ? /SEC\("\.struct_ops/ : new RegExp(`MapType\\.${key}\\b|MAP_TYPE_${kind}\\b`);
      checkTest(kind, file, lab, since, uses);
    }
  });

  it('has each kind of link, with a test', () => {
    const table = rows('Links');
    const all = Object.entries(LinkType).filter(([, id]) => id !== 0);
    assert.deepEqual(
      table.map(([kind]) => camel(kind!)),
      all.map(([name]) => name),
    );
    for (const [kind, since, file, lab] of table as [string, string, string, string][])
      checkTest(kind, file, lab, since, usesLink[camel(kind) as keyof typeof LinkType]!);
  });
});

/** `sockOps` for SOCK_OPS. */
function camel(name: string): keyof typeof ProgramType {
  return name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) as never;
}

/** What shows that a test attaches by a kind of link. */
const usesLink: Readonly<Partial<Record<keyof typeof LinkType, RegExp>>> = {
  rawTracepoint: /attachRawTracepoint\(/,
  tracing: /attachTracing\(/,
  cgroup: /LinkType\.cgroup\b/,
  iter: /attachIterator\(/,
  netns: /attachNetns\(/,
  xdp: /xdp_link|attachXdp\(/,
  perfEvent: /perf_link/,
  kprobeMulti: /kind: 'kprobe_multi'/,
  structOps: /struct_ops\.link/,
  netfilter: /attachNetfilter\(/,
  tcx: /'tcx'/,
  uprobeMulti: /uprobe_multi/,
  netkit: /'netkit'/,
  sockmap: /sockmap_link/,
};
