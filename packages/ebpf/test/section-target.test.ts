/** What the names of sections say about targets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EbpfError, OptionError } from '../src/errors.js';
import { isReturnKind, splitOffset, systemCallFunction, userTarget } from '../src/link/section-target.js';
import { matchingFunctions } from '../src/link/traceable-functions.js';
import { executablePath, symbolOffset } from '../src/link/user-symbols.js';
import { sectionKinds } from '../src/object/sections.js';
import { dynamicSymbolOffset, mappedLibrary } from './support/dynamic-symbol.js';

test('every kind of section that ends with a return is one', () => {
  const kinds = sectionKinds.map(({ name }) => name).filter(isReturnKind);
  assert.deepEqual(kinds.sort(), [
    'kretprobe',
    'kretprobe.multi',
    'kretsyscall',
    'uretprobe',
    'uretprobe.multi',
    'uretprobe.multi.s',
    'uretprobe.s',
  ]);
});

test('a system call has the function that this kind of kernel gives it', () => {
  const prefix = process.arch === 'arm64' ? '__arm64_sys_' : '__x64_sys_';
  assert.equal(
    systemCallFunction('kill', (name) => name === `${prefix}bpf`),
    `${prefix}kill`,
  );
  assert.equal(
    systemCallFunction('kill', (name) => name === '__se_sys_kill'),
    '__se_sys_kill',
  );
  assert.equal(
    systemCallFunction('kill', () => false),
    'sys_kill',
  );
});

test('an offset stands behind the function', () => {
  assert.deepEqual(splitOffset('do_exit', undefined), { function: 'do_exit', offset: undefined });
  assert.deepEqual(splitOffset('do_exit', 8), { function: 'do_exit', offset: 8 });
  assert.deepEqual(splitOffset('do_exit+0x10', undefined), { function: 'do_exit', offset: 16 });
  assert.deepEqual(splitOffset('nf_nat:do_exit+12', undefined), { function: 'nf_nat:do_exit', offset: 12 });
  assert.throws(() => splitOffset('do_exit+0x10', 8), OptionError);
});

test('a target in a file has the path before the last colon', () => {
  assert.deepEqual(userTarget('/bin/a:b:main+0x4'), { path: '/bin/a:b', symbol: 'main', offset: 4 });
  assert.deepEqual(userTarget('libc.so.6:malloc'), { path: 'libc.so.6', symbol: 'malloc', offset: 0 });
  assert.deepEqual(userTarget('/bin/a:0x40'), { path: '/bin/a', offset: 64 });
  for (const text of ['', '/bin/a', ':main', '/bin/a:']) assert.throws(() => userTarget(text), OptionError);
});

test('patterns match whole names of functions that exist', () => {
  const list =
    'tcp_v4_connect\ntcp_v6_connect\nmy_tcp_v4_connect\nveth_open [veth]\nveth_openx\n__ftrace_invalid_1\n';
  const match = (pattern: string) => matchingFunctions(pattern, list, (name) => !name.includes('invalid'));
  assert.deepEqual(match('tcp_v?_connect'), ['tcp_v4_connect', 'tcp_v6_connect']);
  assert.deepEqual(match('*connect'), ['my_tcp_v4_connect', 'tcp_v4_connect', 'tcp_v6_connect']);
  assert.deepEqual(match('veth_open'), ['veth_open']);
  assert.deepEqual(match('veth.open*'), [], 'a dot is a dot');
  assert.deepEqual(match('__ftrace*'), []);
});

test('functions are found in libraries and programs, by name or path', () => {
  const library = mappedLibrary(/\/libc(\.musl-\w+)?\.so(\.6|\.1)?$|\/ld-musl/);
  assert.equal(symbolOffset(library, 'syscall'), dynamicSymbolOffset(library, 'syscall'));
  assert.throws(() => symbolOffset(library, 'weir_no_such'), /defines no function weir_no_such/);
  assert.throws(() => symbolOffset(import.meta.filename, 'main'), /no 64-bit little-endian ELF file/);
  assert.throws(() => executablePath('/nowhere/at/all'), EbpfError);
  assert.throws(() => executablePath('libweir_no_such.so.1'), /there is no file libweir_no_such.so.1 in /);
  assert.match(executablePath('sh'), /\/sh$/);
  assert.equal(executablePath(library), library);
});
