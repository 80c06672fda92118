/** Functions and static probes of executables, found in the file. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { crc32 } from '../src/elf/crc32.js';
import { EbpfError, FormatError, OptionError } from '../src/errors.js';
import { usdtProbes } from '../src/index.js';
import { mappedFile, parseMappings, reachablePath, runtimeAddress } from '../src/link/process-files.js';
import { executablePath, symbolOffset, symbolOffsetsLike } from '../src/link/user-symbols.js';
import { usdtTarget } from '../src/usdt/attach-usdt.js';
import { parseUsdtArguments } from '../src/usdt/usdt-arguments.js';
import { encodeUsdtSpec } from '../src/usdt/usdt-specs.js';
import { probedCode } from './support/probed-code.js';
import {
  addresses,
  type ProbedOptions,
  places,
  probedProgram,
  twiceArguments,
} from './support/probed-program.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-executable-'));
after(() => rmSync(folder, { recursive: true }));

let count = 0;
function file(options: ProbedOptions = {}, name = `probed-${count++}`): string {
  const path = join(folder, name);
  writeFileSync(path, probedProgram(options));
  return path;
}

describe('a function is found', () => {
  it('in the symbol table, at its place in the file rather than its address', () => {
    const path = file();
    assert.equal(symbolOffset(path, 'fire'), places.fire);
    assert.equal(symbolOffset(path, 'idle'), places.idle);
  });

  it('by a pattern of names', () => {
    const path = file();
    assert.deepEqual([...symbolOffsetsLike(path, '*').keys()], ['fire', 'idle']);
    assert.deepEqual([...symbolOffsetsLike(path, '?i*')], [['fire', places.fire]]);
    assert.throws(() => symbolOffsetsLike(path, 'weir_*'), /defines no function like weir_\*/);
  });

  it('by its version', () => {
    const path = file({
      symbols: false,
      versions: [
        { name: 'act', version: 'OLD_1', isDefault: false, address: addresses.idle },
        { name: 'act', version: 'NEW_2', isDefault: true },
        { name: 'twice', version: 'OLD_1', isDefault: false },
        { name: 'twice', version: 'NEW_2', isDefault: false, address: addresses.idle },
      ],
    });
    assert.equal(symbolOffset(path, 'act'), places.fire, 'the default version');
    assert.equal(symbolOffset(path, 'act@OLD_1'), places.idle);
    assert.equal(symbolOffset(path, 'act@NEW_2'), places.fire);
    assert.equal(symbolOffset(path, 'act@@NEW_2'), places.fire);
    assert.throws(() => symbolOffset(path, 'act@@OLD_1'), /defines no function act@@OLD_1/);
    assert.throws(() => symbolOffset(path, 'twice'), /several functions twice: at 0x\w+@OLD_1, 0x\w+@NEW_2/);
  });

  it('in the debug file of the same build id', () => {
    const debug = join(folder, 'debug');
    mkdirSync(join(debug, '.build-id', 'ab'), { recursive: true });
    writeFileSync(join(debug, '.build-id', 'ab', 'cdef01.debug'), probedProgram());
    const path = file({ symbols: false, buildId: 'abcdef01' });
    assert.equal(symbolOffset(path, 'fire', [debug]), places.fire);
    assert.throws(
      () => symbolOffset(path, 'fire', [join(folder, 'elsewhere')]),
      /no symbol table, and no debug file of build id abcdef01 is below .*elsewhere/,
    );
  });

  it('in the debug file that the executable links to, if its checksum fits', () => {
    const body = probedProgram();
    mkdirSync(join(folder, '.debug'));
    writeFileSync(join(folder, '.debug', 'linked.debug'), body);
    const right = file({ symbols: false, debugLink: { name: 'linked.debug', checksum: crc32(body) } });
    assert.equal(symbolOffset(right, 'fire'), places.fire);
    const wrong = file({ symbols: false, debugLink: { name: 'linked.debug', checksum: 1 } });
    assert.throws(() => symbolOffset(wrong, 'fire'), /defines no function fire \(it has no symbol table/);
  });

  it('or one that comes close is named', () => {
    assert.throws(() => symbolOffset(file(), 'fires'), /no function fires; there is fire/);
  });

  it('and a damaged file is refused', () => {
    const path = file();
    const bytes = readFileSync(path);
    for (let length = 0; length < bytes.length; length += 97) {
      writeFileSync(path, bytes.subarray(0, length));
      assert.throws(() => symbolOffset(path, 'fire'), FormatError, `of ${length} bytes`);
    }
  });
});

it('the checksum is that of zlib', () => {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
  assert.equal(crc32(Buffer.from('6789'), crc32(Buffer.from('12345'))), 0xcbf43926);
});

describe('files that a process runs', () => {
  const maps = [
    '55d0c0000000-55d0c0001000 r--p 00000000 fe:01 12   /usr/bin/tool',
    '55d0c0001000-55d0c0003000 r-xp 00001000 fe:01 12   /usr/bin/tool',
    '7f0000000000-7f0000004000 r-xp 00002000 fe:01 34   /usr/lib/libweir.so.3.1',
    '7f0000100000-7f0000101000 r-xp 00000000 fe:01 56   /tmp/with blanks (deleted)',
    '7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0    [vdso]',
  ].join('\n');

  it('are read from its mappings', () => {
    const mappings = parseMappings(maps);
    assert.deepEqual(
      mappings.map(({ path }) => path),
      ['/usr/bin/tool', '/usr/bin/tool', '/usr/lib/libweir.so.3.1', '/tmp/with blanks'],
    );
    assert.equal(runtimeAddress(mappings, 'fe:01 12', 0x1800), 0x55d0c0001800);
    assert.equal(runtimeAddress(mappings, 'fe:01 12', 0x800), undefined, 'which is no code');
    assert.equal(reachablePath(1, mappings[3]!), '/proc/1/map_files/7f0000100000-7f0000101000');
  });

  it('are found by name', () => {
    const { path } = mappedFile(process.pid, 'libc');
    assert.match(path, /\/(libc|ld-musl)[^/]*\.so/);
    assert.equal(mappedFile(process.pid, 'libc.so').path, path);
    assert.equal(executablePath('libc.so', process.pid), `/proc/${process.pid}/root${path}`);
    assert.throws(
      () => mappedFile(process.pid, 'libweir_none.so'),
      /runs no file libweir_none.so; it runs \//,
    );
    assert.throws(() => mappedFile(2 ** 22 + 1, 'libc.so'), EbpfError);
  });
});

describe('static probes', () => {
  const expected = [
    {
      ...{ provider: 'weir', name: 'counted', offset: places.counted, semaphoreOffset: places.semaphore },
      arguments: probedCode.places,
    },
    { provider: 'weir', name: 'plain', offset: places.plain, arguments: '' },
    {
      ...{ provider: 'weir', name: 'twice', offset: places.counted, semaphoreOffset: places.semaphore },
      arguments: twiceArguments[0],
    },
    { provider: 'weir', name: 'twice', offset: places.plain, arguments: twiceArguments[1] },
  ];
  const found = (options?: ProbedOptions) =>
    usdtProbes(file(options)).map(({ address: _, ...probe }) => probe);

  it('are read from the notes', () => assert.deepEqual(found(), expected));
  it('are where a file was moved to', () => assert.deepEqual(found({ prelinked: 0x10000 }), expected));

  it('are named by path, provider and name', () => {
    const target = { path: '/a:b/c', provider: 'weir', name: 'plain' };
    assert.deepEqual(usdtTarget('/a:b/c:weir:plain'), target);
    assert.throws(() => usdtTarget('weir:plain'), OptionError);
  });

  it('have arguments in the notation of x86-64', () => {
    const register = (index: number, size: number, signed = false) => ({
      ...{ size, signed },
      place: { kind: 'register', register: 8 * index },
    });
    assert.deepEqual(parseUsdtArguments('8@%rax -4@%r8d 2@%bx 1@%sil -1@%dl 8@%rsp', 'x64'), [
      register(10, 8),
      register(9, 4, true),
      register(5, 2),
      register(13, 1),
      register(12, 1, true),
      register(19, 8),
    ]);
    const place = (text: string) => parseUsdtArguments(text, 'x64').map((argument) => argument.place);
    const base = { register: 32 };
    assert.deepEqual(place('8@(%rbp) 4@-0x14(%rbp) -4@$-1 8@(%rbp,%rcx,4) 8@8(%rbp,%rcx)'), [
      { kind: 'memory', ...base, offset: 0n },
      { kind: 'memory', ...base, offset: -20n },
      { kind: 'constant', value: -1n },
      { kind: 'indexed', ...base, index: 88, shift: 2, offset: 0n },
      { kind: 'indexed', ...base, index: 88, shift: 0, offset: 8n },
    ]);
    const unreadable = { kind: 'unreadable' };
    assert.deepEqual(place('8f@%xmm0 4@state(%rip) 8@%ah 16@%rax'), Array(4).fill(unreadable));
    assert.deepEqual(place(''), []);
  });

  it('have arguments in the notation of arm64', () => {
    const argument = (size: number, signed: boolean, place: object) => ({ size, signed, place });
    assert.deepEqual(
      parseUsdtArguments('8@x0 -4@w30 8@[sp, 16] 4@[x29,#-4] -8@-3 4@wzr 8@[x0, x1] 8f@d0', 'arm64'),
      [
        argument(8, false, { kind: 'register', register: 0 }),
        argument(4, true, { kind: 'register', register: 240 }),
        argument(8, false, { kind: 'memory', register: 248, offset: 16n }),
        argument(4, false, { kind: 'memory', register: 232, offset: -4n }),
        argument(8, true, { kind: 'constant', value: -3n }),
        argument(4, false, { kind: 'constant', value: 0n }),
        argument(8, false, { kind: 'unreadable' }),
        argument(8, false, { kind: 'unreadable' }),
      ],
    );
  });

  it('are handed to programs in the layout of libbpf', () => {
    const [argument] = parseUsdtArguments('-4@-20(%rbp)', 'x64');
    const bytes = encodeUsdtSpec([argument!], 7n);
    assert.equal(bytes.length, 208);
    const view = new DataView(bytes.buffer);
    assert.deepEqual(
      [view.getBigInt64(0, true), view.getUint32(8, true), view.getInt16(12, true), bytes[14], bytes[15]],
      [-20n, 2, 32, 1, 32],
    );
    assert.deepEqual([view.getBigUint64(192, true), view.getInt16(200, true)], [7n, 1]);
    assert.throws(() => encodeUsdtSpec(Array(13).fill(argument), 0n), /13 arguments/);
  });
});
