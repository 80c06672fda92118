/** `generated/sample.ts` is what weir-bpf2ts makes of `bpf/codegen/sample.bpf.c`; here it is compared, and used. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BtfBuilder } from '../src/btf/builder.js';
import { Kind, Linkage } from '../src/btf/types.js';
import { analyse } from '../src/codegen/analyse.js';
import { emit } from '../src/codegen/emit.js';
import { generate } from '../src/codegen/generate.js';
import { camelCase, pascalCase } from '../src/codegen/identifiers.js';
import { readInt128, readString, writeInt128, writeString } from '../src/codegen/runtime.js';
import { FormatError, OptionError } from '../src/errors.js';
import * as sample from './generated/sample.js';
import { compileBpf } from './support/compile-bpf.js';

const packageFolder = fileURLToPath(new URL('../../', import.meta.url));
const sampleFile = join(packageFolder, 'test/generated/sample.ts');
const runtime = '../../src/codegen/runtime.js';

test('the committed decoders are those that weir-bpf2ts generates from the object', () => {
  using object = compileBpf('codegen/sample.bpf.c', '-mcpu=v2');
  assert.equal(
    generate(object.bytes, 'sample.bpf.o', { runtime, embed: false }),
    readFileSync(sampleFile, 'utf8'),
  );
});

test('weir-bpf2ts writes a file, checks one, and prints its usage', () => {
  using object = compileBpf('codegen/sample.bpf.c', '-mcpu=v2');
  const command = join(packageFolder, 'bin/weir-bpf2ts.js');
  const folder = mkdtempSync(join(tmpdir(), 'weir-bpf2ts-'));
  try {
    const output = join(folder, 'out.ts');
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [command, '--decoders', '--runtime', runtime, ...args], {
        encoding: 'utf8',
      });
    assert.equal(run(object.path, '-o', output).status, 0);
    assert.equal(readFileSync(output, 'utf8'), readFileSync(sampleFile, 'utf8'));
    assert.equal(run(object.path, '-o', output, '--check').status, 0);
    writeFileSync(output, 'stale');
    const stale = run(object.path, '-o', output, '--check');
    assert.equal(stale.status, 1);
    assert.match(stale.stderr, /generate it again/);
    assert.equal(readFileSync(output, 'utf8'), 'stale');
    assert.equal(run(object.path).stdout, readFileSync(sampleFile, 'utf8'));
    assert.match(run('--help').stdout, /^Usage: weir-bpf2ts/);
    assert.match(run().stderr, /exactly one object/);
    assert.match(run(command).stderr, /^weir-bpf2ts: /);
    assert.equal(run(join(folder, 'absent.o')).status, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const event: sample.Event = {
  timeNs: 2 ** 52 + 12345,
  flowCookie: 0xfedc_ba98_7654_3210n,
  clockOffset: -(2 ** 40) - 5,
  kind: sample.EventKind.EVENT_ERROR,
  pid: 0xffffffff,
  tid: 2,
  uid: 1000,
  cgroupId: 77,
  comm: 'größe',
  local: { v6: Uint8Array.from({ length: 16 }, (_, i) => 255 - i), v4: 0xfcfdfeff, port: 443 },
  peer: { v6: new Uint8Array(16).fill(9), v4: 0x09090909, port: 65535 },
  bytesSent: 2 ** 33,
  bytesReceived: 0,
  srttUs: 12,
  family: 10,
  inbound: true,
  letter: -3,
};

const everything: sample.Everything = {
  tiny: -128,
  small: -2,
  plain: -3,
  single: 0.5,
  twice: -1e300,
  wideKind: sample.WideKind.WIDE_HIGH,
  pointer: 0xffff_8880_0000_1000n,
  matrix: Uint32Array.of(1, 2, 3, 4, 5, 0xffffffff),
  counters: Float64Array.of(1, 2 ** 52 + 1),
  hashes: BigUint64Array.of(1n, 2n ** 64n - 1n),
  kinds: Int32Array.of(-1, 2),
  addresses: [event.local, event.peer],
  names: ['one', 'seven77'],
  flags: {
    low: 5,
    negative: -16,
    high: 0xabcdef,
    wide: 2 ** 40 - 3,
    kind: sample.EventKind.EVENT_ERROR,
  },
  nested: { inner: 3 },
  either: { number: 0x04030201, bytes: Uint8Array.of(1, 2, 3, 4) },
  privateName: 1,
  privateName2: 2,
};

/** A view that begins within its buffer, filled with other bytes. */
function dirtyView(size: number): DataView {
  const bytes = new Uint8Array(size + 24).fill(0xa5);
  return new DataView(bytes.buffer, 8, size + 8);
}

test('generated decoders read what they wrote, as new objects and into existing ones', () => {
  const view = dirtyView(sample.sizeofEvent);
  sample.writeEvent(view, 4, event);
  assert.deepEqual(sample.readEvent(view, 4), event);
  const other = dirtyView(sample.sizeofEverything);
  sample.writeEverything(other, 4, everything);
  assert.deepEqual(sample.readEverything(other, 4), everything);

  const blank = new DataView(new ArrayBuffer(sample.sizeofEverything));
  const into = sample.readEverything(blank, 0);
  const { matrix, nested } = into;
  assert.equal(sample.readEverything(other, 4, into), into);
  assert.deepEqual(into, everything);
  assert.equal(into.matrix, matrix);
  assert.equal(into.nested, nested);
  // Nothing was written outside.
  assert.equal(view.getUint8(3), 0xa5);
  assert.equal(view.getUint8(4 + sample.sizeofEvent), 0xa5);
});

test('generated decoders and a C program agree on the layout of a struct', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-layout-'));
  try {
    const source = `
      #define __attribute__(x)
      #define SEC(x)
      #define __uint(a, b) int a
      #define __type(a, b) int a
      #include <stdio.h>
      #include <string.h>
      #include "${join(packageFolder, 'test/bpf/codegen/sample.bpf.c')}"
      int main(void) {
        struct everything e;
        memset(&e, 0, sizeof(e));
        e.tiny = -128; e.small = -2; e.plain = -3; e.single = 0.5; e.twice = -1e300; e.wide_kind = WIDE_HIGH;
        e.pointer = (void *)0xffff888000001000; e.counters[0] = 1; e.counters[1] = (1ULL << 52) + 1;
        for (int i = 0; i < 6; i++) ((__u32 *)e.matrix)[i] = i < 5 ? i + 1 : -1;
        e.hashes[0] = 1; e.hashes[1] = -1; e.kinds[0] = EVENT_ERROR; e.kinds[1] = EVENT_CLOSE;
        for (int i = 0; i < 16; i++) { e.addresses[0].v6[i] = 255 - i; e.addresses[1].v6[i] = 9; }
        e.addresses[0].port = 443; e.addresses[1].port = 65535;
        strcpy(e.names[0], "one"); strcpy(e.names[1], "seven77");
        e.flags.low = 5; e.flags.negative = -16; e.flags.high = 0xabcdef; e.flags.wide = (1ULL << 40) - 3;
        e.flags.kind = EVENT_ERROR;
        e.nested.inner = 3; e.either.number = 0x04030201; e._private_name = 1; e.privateName = 2;
        fwrite(&e, sizeof(e), 1, stdout);
        return 0;
      }`;
    const file = join(folder, 'layout.c');
    writeFileSync(file, source.replaceAll(/^ {6}/gm, ''));
    execFileSync('clang-19', ['-w', '-o', join(folder, 'layout'), file]);
    const bytes = execFileSync(join(folder, 'layout'));
    assert.equal(bytes.length, sample.sizeofEverything);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    assert.deepEqual(sample.readEverything(view, 0), everything);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('generated encoders write zeros between the fields of a key', () => {
  const view = dirtyView(sample.sizeofKey);
  sample.writeKey(view, 0, { netns: 1, port: 0x203 });
  assert.deepEqual([...new Uint8Array(view.buffer, 8, 8)], [1, 0, 0, 0, 3, 2, 0, 0]);
});

test('generated columns hold the values that decoded objects hold', () => {
  const view = dirtyView(sample.sizeofEvent);
  sample.writeEvent(view, 0, event);
  const columns = new sample.EventColumns(2);
  columns.push(view, 0);
  sample.writeEvent(view, 0, { ...event, pid: 5, comm: 'other' });
  columns.push(view, 0);
  assert.equal(columns.length, 2);
  assert.deepEqual([...columns.pid], [0xffffffff, 5]);
  assert.deepEqual(columns.comm, ['größe', 'other']);
  assert.deepEqual([...columns.timeNs], [event.timeNs, event.timeNs]);
  assert.deepEqual(columns.localV6.slice(16, 32), event.local.v6);
  assert.equal(columns.peerPort[1], 65535);
  assert.equal(columns.inbound[0], 1);
  assert.throws(() => columns.push(view, 0), OptionError);
  columns.clear();
  assert.equal(columns.length, 0);
  const stride = sample.sizeofEvent + 8;
  const run = dirtyView(2 * stride);
  sample.writeEvent(run, 0, event);
  sample.writeEvent(run, stride, { ...event, pid: 9, comm: 'second' });
  columns.pushRun(run, 0, 2, stride);
  assert.deepEqual([...columns.pid], [0xffffffff, 9]);
  assert.deepEqual(columns.comm, ['größe', 'second']);
  assert.throws(() => columns.pushRun(run, 0, 1, stride), OptionError);
  assert.equal(columns.length, 2);
  columns.clear();
  assert.throws(() => columns.pushRun(run, 0, 3, 0), OptionError);
  assert.equal(columns.length, 0);

  const other = dirtyView(sample.sizeofEverything);
  sample.writeEverything(other, 0, everything);
  const wide = new sample.EverythingColumns(1);
  wide.push(other, 0);
  assert.equal(wide.flagsNegative[0], -16);
  assert.equal(wide.flagsHigh[0], 0xabcdef);
  assert.equal(wide.flagsWide[0], 2 ** 40 - 3);
  assert.deepEqual(wide.addresses[0], everything.addresses);
  assert.deepEqual(wide.matrix, everything.matrix);
});

test('integers of 128 bits are bigints in either byte order', () => {
  const view = new DataView(new ArrayBuffer(64));
  const value: sample.Wide = { whole: 2n ** 128n - 3n, halves: [-(2n ** 127n), 5n] };
  sample.writeWide(view, 0, value);
  assert.deepEqual(sample.readWide(view, 0), value);
  assert.equal(view.getBigUint64(0, true), 2n ** 64n - 3n);
  for (const littleEndian of [true, false]) {
    writeInt128(view, 0, -2n, littleEndian);
    assert.equal(readInt128(view, 0, true, littleEndian), -2n);
    assert.equal(readInt128(view, 0, false, littleEndian), 2n ** 128n - 2n);
  }
  writeInt128(view, 0, 1n, false);
  assert.equal(view.getUint8(15), 1);
});

test('generated code describes the maps and globals of an object', () => {
  const { connections, dropCounts, events } = sample.maps;
  assert.equal(connections.key.size, 8);
  assert.equal(connections.value.size, sample.sizeofEvent);
  assert.equal(dropCounts.name, 'drop_counts');
  const view = dirtyView(8);
  const { exact } = sample.maps;
  exact.key.write(view, 0, 2n ** 64n - 1n);
  assert.equal(exact.key.read(view, 0), 2n ** 64n - 1n);
  exact.value.write(view, 0, -(2n ** 63n));
  assert.equal(exact.value.read(view, 0), -(2n ** 63n));
  const wide = dirtyView(16);
  const flow: sample.Flow = { cgroupId: 2n ** 63n + 1n, small: 2 ** 40 };
  sample.maps.flows.key.write(wide, 0, flow);
  assert.deepEqual(sample.maps.flows.key.read(wide, 0), flow);
  sample.globals.exactTotal.write(view, 0, 2n ** 53n + 1n);
  assert.equal(sample.globals.exactTotal.read(view, 0), 2n ** 53n + 1n);
  sample.globals.countedTotal.write(view, 0, 2 ** 40 + 1);
  assert.equal(sample.globals.countedTotal.read(view, 0), 2 ** 40 + 1);
  dropCounts.value.write(view, 0, 2 ** 40 + 1);
  assert.equal(dropCounts.value.read(view, 0), 2 ** 40 + 1);
  assert.equal(events.value, undefined);
  assert.equal(sample.globals.ownPid.section, '.rodata');
  assert.equal(sample.globals.totalLost.section, '.bss');
  sample.globals.verbose.write(view, 0, true);
  assert.equal(sample.globals.verbose.read(view, 0), true);
  assert.equal(sample.globals.commandName.size, 16);
  assert.equal('unusedEverything' in sample.globals, false);
});

test('decoded strings end at the first NUL and are cached by all their bytes; encoded ones must fit', () => {
  const view = new DataView(new ArrayBuffer(256));
  const bytes = new Uint8Array(view.buffer);
  const put = (text: string, at = 0) => {
    bytes.fill(0xff);
    new TextEncoder().encodeInto(text, bytes.subarray(at));
  };
  for (let round = 0; round < 3; round++) {
    for (const text of ['', 'a', 'abc', 'abcd', 'abcde', 'abcdefghijklmno', 'x'.repeat(64), 'é']) {
      put(`${text}\0garbage`, 3);
      assert.equal(readString(view, 3, 80), text);
      const { length } = new TextEncoder().encode(text);
      assert.equal(readString(view, 3, length + 1), text, 'with its NUL');
      assert.equal(readString(view, 3, length), text, 'without a NUL');
    }
  }
  // Far more strings than the cache has room for, each read right.
  for (let i = 0; i < 20_000; i++) {
    writeString(view, 0, 16, `worker/${i % 5_000}`);
    assert.equal(readString(view, 0, 16), `worker/${i % 5_000}`);
  }
  writeString(view, 0, 16, 'fifteen letters');
  assert.throws(() => writeString(view, 0, 16, 'sixteen letters!'), OptionError);
  assert.throws(() => sample.writeAddress(view, 0, { ...event.local, v6: new Uint8Array(4) }), OptionError);
});

test('generated names are camelCase and valid identifiers', () => {
  assert.equal(camelCase('skc_dport'), 'skcDport');
  assert.equal(camelCase('__pad'), 'pad');
  assert.equal(camelCase('PID'), 'pid');
  assert.equal(camelCase('already_camelCase'), 'alreadyCamelCase');
  assert.equal(camelCase('addr_v6'), 'addrV6');
  assert.equal(camelCase('4chan'), '_4chan');
  assert.equal(camelCase('a;b*/'), 'ab');
  assert.equal(camelCase('___'), '_');
  assert.equal(pascalCase('tcp_event'), 'TcpEvent');
});

test('hostile names and types neither break out of generated text nor recurse for ever', () => {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', 4);
  const evil = builder.addStruct('*/ alert(1) /*', 4, [
    { name: '};process.exit()//', typeId: int, offset: 0 },
  ]);
  builder.add({ kind: Kind.declTag, name: 'export', typeId: evil, componentIndex: -1 });
  const named = builder.addEnum("__proto__'", [{ name: "__proto__': 1}//", value: 1 }]);
  builder.add({ kind: Kind.declTag, name: 'export', typeId: named, componentIndex: -1 });
  const global = builder.add({ kind: Kind.var, name: "x'+y", typeId: int, linkage: Linkage.global });
  builder.add({
    kind: Kind.datasec,
    name: ".bss.'",
    size: 4,
    variables: [{ typeId: global, offset: 0, size: 4 }],
  });
  const text = emit(analyse(builder.build()), '*/ x.o', { runtime: '@weir/ebpf' });
  assert(!text.includes('*/ alert'));
  assert(!text.includes('process.exit()'));
  assert(text.includes("name: 'x\\'+y'"));
  assert(text.includes("['__proto__\\': 1}//']: 1"));

  const nested = new BtfBuilder();
  const self = nested.nextId;
  nested.addStruct('loop', 8, [
    { name: 'left', typeId: self, offset: 0 },
    { name: 'right', typeId: self, offset: 4 },
  ]);
  nested.add({ kind: Kind.declTag, name: 'export', typeId: self, componentIndex: -1 });
  assert.throws(() => analyse(nested.build()), FormatError);

  // Each struct contains the next twice: 2^30 members, and not one field.
  for (const name of ['', 'x']) {
    const doubling = new BtfBuilder();
    const first = doubling.nextId;
    for (let i = 0; i < 30; i++) {
      doubling.addStruct(name === '' && i > 0 ? '' : `level${i}`, 1, [
        { name, typeId: doubling.nextId + 1, offset: 0 },
        { name, typeId: doubling.nextId + 1, offset: 0 },
      ]);
    }
    doubling.addStruct('last', 1, []);
    doubling.add({ kind: Kind.declTag, name: 'export', typeId: first, componentIndex: -1 });
    assert.throws(() => emit(analyse(doubling.build()), 'x.o', { runtime: '@weir/ebpf' }), FormatError);
  }
});
