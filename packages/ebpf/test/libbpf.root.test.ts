/**
 * Weir's loader held against libbpf's: the same object, loaded by both into the same kernel, must leave the same verified
 * instructions. Needs bpftool. Objects come from WEIR_TEST_OBJECTS where there is no compiler; see build-objects.ts.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { kernelConfig } from '../src/features/config.js';
import { Collection, features, mapFromId, mapTypeName, Program } from '../src/index.js';
import { Instructions } from '../src/insn/insn.js';
import { parseObject } from '../src/object/parse-object.js';
import { Pseudo } from '../src/uapi/flags.js';
import { committedObjects, filesBelow, testObject, testPrograms } from './support/objects.js';
import { withoutRecordTypes } from './support/record-types.js';
import { assertRoot, pinFolder, privateBpffs } from './support/root.js';

assertRoot();

const scratch = mkdtempSync(join(tmpdir(), 'weir-libbpf-'));
after(() => rmSync(scratch, { recursive: true }));

interface TestCase {
  readonly name: string;
  readonly path: string;
}

/** Objects with what the libbpf of Debian 12 (1.1) does not know yet, no longer reads, or loads only where it is given targets. */
const newer =
  /^(link\/(hooks|replace|sections|struct-ops|user)|load\/(arena|flavours|inner|large|legacy|reasons|typed|user-ring))(\.bpf\.o)?$/;

function testCases(): TestCase[] {
  const folder = process.env.WEIR_TEST_OBJECTS;
  if (folder !== undefined) {
    const files = filesBelow(folder, '.bpf.o').filter((path) => !newer.test(path));
    return files.map((path) => ({ name: path, path: join(folder, path) }));
  }
  const programs = testPrograms().filter((name) => !newer.test(name));
  const compiled = programs.map((name) => {
    const path = join(scratch, `${name.replaceAll('/', '-')}.bpf.o`);
    writeFileSync(path, testObject(name));
    return { name, path };
  });
  return [...compiled, ...committedObjects().filter(({ name }) => !newer.test(name))];
}

/** libbpf gives up on any object with build options where it finds no file of them: then both loaders get a small one. */
before(() => {
  if (kernelConfig() !== undefined) return;
  privateBpffs();
  mkdirSync('/boot', { recursive: true });
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', '/boot']).status, 0);
  writeFileSync(`/boot/config-${release()}`, 'CONFIG_BPF_SYSCALL=y\nCONFIG_HZ=250\n');
});

/** Has libbpf load and pin all programs of an object; undefined, with its log, if it cannot. */
function loadWithLibbpf(path: string, pins: string): { readonly loaded: boolean; readonly log: string } {
  const relaxed = withoutRecordTypes(readFileSync(path));
  const file = relaxed === undefined ? path : join(scratch, 'without-record-types.bpf.o');
  if (relaxed !== undefined) writeFileSync(file, relaxed);
  const options = relaxed === undefined ? [] : ['--mapcompat'];
  const { status, stdout, stderr, error } = spawnSync(
    'bpftool',
    [...options, 'prog', 'loadall', file, pins],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  );
  if (error !== undefined) throw error;
  return { loaded: status === 0, log: stdout + stderr };
}

/**
 * Verified instructions as lines. Loads of maps, which the kernel gives by id, are shown by the map's shape and by its
 * place among the maps of the program, since each loader made its own.
 */
function canonical(program: Program): string[] {
  const code = Buffer.from(program.translatedInstructions());
  const maps = new Map<number, string>();
  const describeMap = (id: number): string => {
    let text = maps.get(id);
    if (text === undefined) {
      using map = mapFromId(id);
      assert.ok(map !== undefined, `map ${id} exists`);
      const { type, keySize, valueSize, maxEntries } = map.info();
      text = `#${maps.size} ${mapTypeName(type)} ${keySize} ${valueSize} ${maxEntries}`;
      maps.set(id, text);
    }
    return text;
  };
  const lines: string[] = [];
  const instructions = new Instructions(code, true);
  for (let at = 0; at < code.length; at += 8) {
    const source = instructions.source(at / 8);
    const isMap = instructions.isLoadImm64(at / 8) && (source === Pseudo.mapFd || source === Pseudo.mapValue);
    const map = isMap ? ` ${describeMap(code.readUInt32LE(at + 4))}` : '';
    if (isMap) code.writeUInt32LE(0, at + 4);
    lines.push(`${at / 8}: ${code.toString('hex', at, at + 8)}${map}`);
  }
  return lines;
}

/** Whether an object was refused for a global function that takes pointers to memory, by a kernel that lacks these. */
function needsPointers(log: string): boolean {
  return (
    /^Arg#\d+ type PTR in \w+\(\) is not supported yet\.$/m.test(log) &&
    features.probe('btf_func_pointers').state === 'absent'
  );
}

describe('libbpf and this library', () => {
  const compared: string[] = [];

  for (const { name, path } of testCases()) {
    it(`load ${name} as the same instructions`, () => {
      const pins = join(pinFolder(basename(path).replaceAll('.', '_') + compared.length), 'programs');
      const { loaded, log } = loadWithLibbpf(path, pins);
      const spec = parseObject(readFileSync(path));
      if (!loaded && needsPointers(log)) {
        // libbpf leaves such functions global; this library makes them static.
        Collection.load(spec)[Symbol.dispose]();
        return;
      }
      if (!loaded) {
        assert.throws(() => Collection.load(spec), `libbpf cannot load it:\n${log.slice(-2000)}`);
        return;
      }
      // libbpf 1.1 attaches static probes one place at a time, where another helper gives the cookie.
      using collection = Collection.load(spec, { features: features.without('uprobe_multi') });
      assert.deepEqual([...collection.programs.keys()].sort(), readdirSync(pins).sort());
      for (const program of collection.programs.values()) {
        using theirs = Program.openPinned(join(pins, program.name));
        assert.deepEqual(canonical(program), canonical(theirs), program.name);
        assert.equal(program.info().type, theirs.info().type);
        assert.equal(program.info().name, theirs.info().name);
        assert.equal(
          program.info().btfId > 0,
          theirs.info().btfId > 0,
          `${program.name}: types in the kernel`,
        );
        compared.push(`${name} ${program.name}`);
      }
      rmSync(pins, { recursive: true });
    });
  }

  it('are compared on a fair number of programs', () => {
    assert.ok(compared.length >= 20, `only ${compared.length}: ${compared.join(', ')}`);
  });
});
