/**
 * A stranger searches for the words of the field. No private word is left in what a reader of the project reads:
 * identifiers (split at camelCase, snake_case and kebab-case), comments, messages, file names, pages.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listReadings, type SourceFile } from './tree.js';

interface PrivateWord {
  /** Matches in text whose camelCase is written as snake_case in lower case. */
  readonly word: RegExp;
  /** What to write. */
  readonly instead: string;
  /** Paths where the word is private. Default: everywhere. */
  readonly within?: RegExp;
}

/** A whole word, or a part of an identifier. */
function part(source: string): RegExp {
  return new RegExp(`(?<![a-z])(?:${source})(?![a-z])`);
}

const tracer = /^packages\/tracer\//;

const privateWords: readonly PrivateWord[] = [
  { word: part('tells?|told|telling'), instead: 'emit, report, send, show, name or distinguish' },
  { word: part('told_mtu'), instead: 'icmpMtu' },
  { word: part('life(?!_?cycle)'), instead: 'lifecycle' },
  { word: part('heritage'), instead: 'PreviousInstance' },
  { word: part('takes?[_-]over|adopt(s|ed|ing)?'), instead: 'resume, resumed' },
  { word: part('settl(e|es|ed|ing)'), instead: 'commit' },
  { word: part('abandon(s|ed|ing)?'), instead: 'rollback, give up' },
  { word: part('memory[_-]file'), instead: 'StateFile' },
  { word: part('name_table'), instead: 'HandleTable', within: /^packages\/balancer\// },
  { word: part('ledgers?'), instead: 'ConnectionStore' },
  { word: part('departures?'), instead: 'awaiting close' },
  { word: part('lingering'), instead: 'recently closed' },
  { word: /\/ends\.ts$|\b(class|new|type|interface) ends\b/, instead: 'ended queue' },
  {
    word: part('(?<!math\\.)rounds?'),
    instead: 'generation',
    within: /^packages\/tracer\/src\/connections\//,
  },
  { word: part('set_base'), instead: 'baseline' },
  { word: /\/answers\.ts$/, instead: 'status' },
  { word: part('facts?'), instead: 'KernelFeatures, Enrichment' },
  { word: part('evidence'), instead: 'observations' },
  { word: part('specimens?'), instead: 'probe socket' },
  { word: part('plant(s|ed|ing)?'), instead: 'set known values' },
  { word: part('chas(e|es|ed|ing)'), instead: 'follow pointers' },
  { word: part('bench'), instead: 'Experiment', within: tracer },
  { word: part('st(an|oo)d[_-]in'), instead: 'nested-run fallback' },
  { word: part('taken'), instead: 'nested-run fallback', within: /^packages\/tracer\/bpf\// },
  { word: part('strangers?'), instead: 'untracked' },
  { word: part('seed(s|ed|ing)?'), instead: 'existing sockets', within: tracer },
  { word: part('makers?'), instead: 'owner' },
  { word: part('truths?'), instead: 'report' },
];

interface Exception {
  readonly path: RegExp;
  readonly text: RegExp;
  readonly reason: string;
}

const exceptions: readonly Exception[] = [
  { path: /^lab\/test\/house\/words\.test\.ts$/, text: /./, reason: 'the list itself' },
  { path: /^CHANGELOG\.md$/, text: /./, reason: 'names of earlier versions, for those who look for them' },
  {
    path: /\/config\/replaced-keys\.ts$/,
    text: /toldMtu: 'icmpMtu'/,
    reason: 'the message that names the new option',
  },
  {
    path: /\/health\/damping\.ts$/,
    text: /half_?life/i,
    reason: 'the half-life of a penalty, a term of the field',
  },
  { path: /./, text: /Promise\.allSettled/, reason: 'a name of the language' },
];

/** `takeOver` as `take_over`, `XDPMode` as `xdp_mode`. */
function splitIdentifiers(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

interface Finding {
  readonly path: string;
  readonly text: string;
  readonly message: string;
}

function findIn({ path, lines }: SourceFile): Finding[] {
  const wanted = privateWords.filter(({ within }) => within === undefined || within.test(path));
  const places = [path, ...lines].map((text, index) => ({
    place: index === 0 ? path : `${path}:${index}`,
    text,
  }));
  return places.flatMap(({ place, text }) =>
    wanted.flatMap(({ word, instead }) => {
      const found = word.exec(splitIdentifiers(text))?.[0];
      if (found === undefined) return [];
      return [{ path, text, message: `${place}: "${found}": write ${instead}: ${text.trim()}` }];
    }),
  );
}

describe('the words of the project', () => {
  const findings = listReadings().flatMap(findIn);
  const excepts =
    ({ path, text }: Exception) =>
    (finding: Finding) =>
      path.test(finding.path) && text.test(finding.text);

  test('are those of the field, and no private ones', () => {
    const left = findings.filter((finding) => !exceptions.some((exception) => excepts(exception)(finding)));
    assert.equal(left.map(({ message }) => message).join('\n'), '');
  });

  test('have no exception that nothing needs', () => {
    for (const exception of exceptions) assert.ok(findings.some(excepts(exception)), exception.reason);
  });

  test('are found inside identifiers, messages and file names', () => {
    const messages = (path: string, ...lines: string[]) =>
      findIn({ path, lines }).map(({ message }) => message.split(': write')[0]);
    assert.deepEqual(messages('docs/a.md', 'what it tells', 'storytelling, foretold'), [
      'docs/a.md:1: "tells"',
    ]);
    assert.deepEqual(messages('a.ts', 'tellAll(toldMtu)', 'x_told', '"kernel.told"'), [
      'a.ts:1: "tell"',
      'a.ts:1: "told_mtu"',
      'a.ts:2: "told"',
      'a.ts:3: "told"',
    ]);
    assert.deepEqual(messages('packages/tracer/bpf/seed.h', ''), ['packages/tracer/bpf/seed.h: "seed"']);
    assert.deepEqual(messages('packages/balancer/src/hash.ts', 'seed, lifecycle, life cycle'), [
      'packages/balancer/src/hash.ts:1: "life"',
    ]);
  });
});
