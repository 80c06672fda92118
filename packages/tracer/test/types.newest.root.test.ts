/** Where the kernel's types come from, on a kernel that is taken to have none, and what is done about wrong ones. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Btf, features, VerifierError } from '@weir/ebpf';
import { loadCachedFields } from '../src/discovery/cache.js';
import { type DiscoveredField, discover } from '../src/discovery/index.js';
import { toBtf } from '../src/discovery/types.js';
import { Tracer, type TypeChoice } from '../src/index.js';
import { displacedField } from '../src/types/discovered-offsets.js';
import { findMismatch } from '../src/types/verify.js';
import { assertTracesPairs } from './support/traced-pairs.js';

const typeless = features.without('kernel_btf');
const COUNT = 100;
let folder = '';
let discovered: readonly DiscoveredField[] = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-types-'));
  process.env.XDG_CACHE_HOME = folder;
  discovered = discover().fields;
});

beforeEach(() => rmSync(join(folder, 'weir'), { recursive: true, force: true }));

after(() => {
  delete process.env.XDG_CACHE_HOME;
  rmSync(folder, { recursive: true });
});

/** Discovered types in which fields have each other's places. */
function swapped(one: string, other: string): readonly DiscoveredField[] {
  const offsetOf = (name: string) => discovered.find(({ field }) => field === name)!.offset;
  return discovered.map((field) => {
    if (field.field === one) return { ...field, offset: offsetOf(other) };
    if (field.field === other) return { ...field, offset: offsetOf(one) };
    return field;
  });
}

/** Discovered types in which a field is eight bytes behind its place. */
function moved(name: string): readonly DiscoveredField[] {
  assert.ok(discovered.some(({ field }) => field === name));
  return discovered.map((field) => (field.field === name ? { ...field, offset: field.offset + 8 } : field));
}

const misleading: readonly (readonly [one: string, other: string])[] = [
  ['skc_daddr', 'skc_rcv_saddr'],
  ['skc_dport', 'skc_num'],
  ['skc_v6_daddr', 'skc_v6_rcv_saddr'],
  ['bytes_acked', 'bytes_received'],
  ['segs_in', 'srtt_us'],
  ['sk_err', 'segs_out'],
  ['rcv_nxt', 'write_seq'],
];

describe('discovered types', () => {
  it('serve the tracer, and are kept for the next start', async () => {
    assert.equal((await assertTracesPairs({ btf: 'discover' }, COUNT)).source, 'discovery');
    assert.deepEqual(await assertTracesPairs({ features: typeless }, COUNT), {
      ...(await chosen()),
      source: 'cache',
    });
  });

  it('are discovered anew where the cache is wrong', async () => {
    using _first = Tracer.start({ btf: 'discover' });
    const [name] = readdirSync(join(folder, 'weir'));
    const path = join(folder, 'weir', name!);
    const kept = JSON.parse(readFileSync(path, 'utf8'));
    const wrong = swapped('skc_daddr', 'skc_rcv_saddr');
    writeFileSync(path, JSON.stringify({ ...kept, fields: wrong.map(({ kind, ...field }) => field) }));
    const types = await assertTracesPairs({ features: typeless }, COUNT);
    assert.equal(types.source, 'discovery');
    assert.match(types.rejected ?? '', /^the offsets kept are not this kernel's: no connect of 127\./);
    const offsets = (fields: readonly DiscoveredField[] = []) =>
      fields.map(({ field, offset }) => [field, offset]);
    assert.deepEqual(offsets(loadCachedFields()), offsets(discovered), 'and kept in its place');
  });

  for (const name of ['flags', 'sk_shutdown', 'bytes_retrans', 'group_leader', 'skc_bound_dev_if'] as const)
    it(`are discovered anew where the cache has ${name} in a wrong place`, () => {
      using _first = Tracer.start({ btf: 'discover' });
      const path = join(folder, 'weir', readdirSync(join(folder, 'weir'))[0]!);
      const kept = JSON.parse(readFileSync(path, 'utf8'));
      const fields = moved(name).map(({ kind, ...field }) => field);
      writeFileSync(path, JSON.stringify({ ...kept, fields }));
      using tracer = Tracer.start({ features: typeless });
      assert.equal(tracer.types.source, 'discovery');
      assert.match(
        tracer.types.rejected ?? '',
        new RegExp(`^the offsets kept are not this kernel's: .*${name}`),
      );
    });

  it('are discovered anew where the cache is damaged, or is of another kernel', async () => {
    for (const damage of [
      (text: string) => text.slice(0, 200),
      (text: string) => text.replace(/"release": "/, '$&9'),
    ]) {
      using _first = Tracer.start({ btf: 'discover' });
      const [name] = readdirSync(join(folder, 'weir'));
      const path = join(folder, 'weir', name!);
      writeFileSync(path, damage(readFileSync(path, 'utf8')));
      using tracer = Tracer.start({ features: typeless });
      assert.equal(tracer.types.source, 'discovery');
    }
  });
});

describe('types from a file', () => {
  for (const [one, other] of misleading) {
    it(`with ${one} in place of ${other} are detected`, (context) => {
      const ipv6 = discovered.some(({ field }) => field === 'skc_v6_daddr');
      if (one.startsWith('skc_v6') && !ipv6) {
        context.diagnostic('this kernel has no IPv6');
        return;
      }
      assert.match(
        findMismatch(toBtf(swapped(one, other)))?.what ?? '',
        /^(no )?(connect|accept|close|fail) of 127\./,
      );
    });
  }

  it('with any field in a wrong place are detected', () => {
    assert.equal(displacedField(toBtf(discovered), discovered), undefined);
    for (const { struct, field, offset } of discovered)
      assert.equal(
        displacedField(toBtf(moved(field)), discovered),
        `${struct}.${field} is at ${offset}, not at ${offset + 8}`,
      );
  });

  it('are not used if a field that connections do not show is in a wrong place', () => {
    using tracer = Tracer.start({ btf: toBtf(moved('flags')) });
    assert.notEqual(tracer.types.source, 'file');
    assert.match(
      tracer.types.rejected ?? '',
      /^the types given are not this kernel's: task_struct\.flags is at /,
    );
  });

  it('are not used if they are wrong', async () => {
    const btf: Btf = toBtf(swapped('skc_daddr', 'skc_rcv_saddr'));
    const { source, rejected } = await assertTracesPairs({ btf }, COUNT);
    assert.notEqual(source, 'file');
    assert.match(rejected ?? '', /^the types given are not this kernel's: /);
  });

  it('are not used if the kernel refuses the programs with them, and the log says why', () => {
    using tracer = Tracer.start({ btf: toBtf(discovered.filter(({ field }) => field !== 'skc_family')) });
    const { source, rejected, refusal } = tracer.types;
    assert.notEqual(source, 'file');
    assert.match(
      rejected ?? '',
      /^the types given are not this kernel's: the programs cannot be loaded with them: /,
    );
    assert.ok(refusal instanceof VerifierError);
    assert.ok(refusal.log.split('\n').length > 5, refusal.log);
  });

  it('are used if they are right', async () => {
    const types = await assertTracesPairs({ btf: toBtf(discovered) }, COUNT);
    assert.equal(types.source, 'file');
    assert.equal(types.rejected, undefined);
  });
});

async function chosen(): Promise<TypeChoice> {
  using tracer = Tracer.start({ features: typeless });
  return tracer.types;
}
