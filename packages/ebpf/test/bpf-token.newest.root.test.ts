/** BPF tokens: a process of a user namespace loads what a file system delegates, and no more. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { BpfToken } from '../src/index.js';
import { createArena, Fd, syscall } from '../src/sys/index.js';
import { testObject } from './support/objects.js';
import { requireKernel } from './support/require.js';
import { assertRoot, privateBpffs } from './support/root.js';

assertRoot();

const folder = mkdtempSync(join(tmpdir(), 'weir-token-'));
after(() => rmSync(folder, { recursive: true }));

const module = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href);

/** What the process of the user namespace does: it opens a BPF file system, waits until that is mounted, and makes a token of it. */
const namespaced = `
  import { readFileSync, readSync } from 'node:fs';
  import { BpfToken, Collection, createMap, MapType, parseObject } from ${module('index.js')};
  import { createArena, syscall } from ${module('sys/index.js')};
  const say = (value) => console.log(JSON.stringify(value));
  const refusal = (act) => {
    try {
      act();
      return 'not refused';
    } catch (error) {
      return error.message;
    }
  };
  const map = (type, keySize) =>
    createMap({ name: 'table', type, keySize, valueSize: 8, maxEntries: 4, flags: type === MapType.lpmTrie ? 1 : 0 });
  const trie = () => map(MapType.lpmTrie, 8)[Symbol.dispose]();

  const name = createArena(16);
  name.bytes.set(Buffer.from('bpf\\0'));
  const fileSystem = syscall('fsopen', name.address, 1);
  say(fileSystem);
  readSync(0, Buffer.alloc(1));
  const mounted = syscall('fsmount', fileSystem, 1, 0);

  const before = refusal(trie);
  const token = BpfToken.create('/proc/self/fd/' + mounted);
  const delegated = token.delegated();
  const unused = refusal(trie);
  token.use();
  const used = refusal(trie);
  const beyond = refusal(() => map(MapType.stackTrace, 4));
  const collection = Collection.load(parseObject(readFileSync(process.argv[1])));
  const program = collection.program('count');
  const { returnValue } = program.testRun({ data: new Uint8Array(64) });
  const hasTypes = program.info().btfId > 0;
  const async = await Collection.loadAsync(parseObject(readFileSync(process.argv[2])), { programs: ['read_task'] });
  async.program('read_task').testRun();
  const view = new DataView(async.map('results').lookup(new Uint8Array(4)).buffer);
  const parent = Number(view.getBigUint64(0, true));
  const flags = collection.map('.bss').info().flags & 0x10000;
  token[Symbol.dispose]();
  const after = refusal(trie);
  say({ before, delegated, unused, used, beyond, returnValue, hasTypes, parent: parent === process.ppid, flags, after });`;

/** Mounts a file system that the other process has opened, with what it delegates. */
function mountFor(pid: number, fileSystem: number, options: Readonly<Record<string, string>>): void {
  const [FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE] = [1, 6];
  using process = new Fd(syscall('pidfd_open', pid, 0));
  using context = new Fd(syscall('pidfd_getfd', process.fd, fileSystem, 0));
  for (const [key, value] of Object.entries(options)) {
    const text = createArena(128);
    text.bytes.set(Buffer.from(`${key}\0`));
    text.bytes.set(Buffer.from(`${value}\0`), 64);
    syscall('fsconfig', context.fd, FSCONFIG_SET_STRING, text.address, text.address + 64, 0);
  }
  syscall('fsconfig', context.fd, FSCONFIG_CMD_CREATE, 0, 0, 0);
}

describe('a BPF token', () => {
  it('has maps, programs and types made in a user namespace, as far as it was delegated', async (t) => {
    if (!requireKernel(t, 'BPF_TOKEN_CREATE', '6.9')) return;
    const objects = ['load/data', 'load/reads'].map((name) => {
      const path = join(folder, name.replace('/', '-'));
      writeFileSync(path, testObject(name));
      return path;
    });
    const node = [process.execPath, '--input-type=module', '-e', namespaced, ...objects];
    const child = spawn('unshare', ['--user', '--map-root-user', '--mount', '--net', ...node], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const errors: Buffer[] = [];
    child.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
    const lines: unknown[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const answer: unknown = JSON.parse(line);
      lines.push(answer);
      if (typeof answer !== 'number') continue;
      mountFor(child.pid!, answer, {
        ...{ delegate_cmds: '0x40021', delegate_maps: '0x806' },
        ...{ delegate_progs: '0x20002', delegate_attachs: 'any' },
      });
      child.stdin.write('\n');
    }
    assert.equal(lines.length, 2, Buffer.concat(errors).toString());
    const { before, unused, used, beyond, after, ...rest } = lines[1] as Record<string, unknown>;
    const closed = /EPERM: .*capabilities of a user namespace do not count: .* by a BPF token/;
    for (const message of [before, unused, after]) assert.match(message as string, closed);
    assert.equal(used, 'not refused');
    assert.match(beyond as string, /EPERM: .*the BPF token does not delegate it: .*delegate_maps/);
    assert.deepEqual(rest, {
      delegated: {
        ...{ commands: [0, 5, 18], mapTypes: [1, 2, 11] },
        ...{ programTypes: [1, 17], attachTypes: 'any' },
      },
      ...{ returnValue: 10, hasTypes: true, parent: true, flags: 0 },
    });
  });

  it('is not for the initial user namespace, nor of another file system', (t) => {
    if (!requireKernel(t, 'BPF_TOKEN_CREATE', '6.9')) return;
    assert.throws(
      () => BpfToken.create(privateBpffs()),
      /EOPNOTSUPP: .*\/sys\/fs\/bpf belongs to the initial user namespace/,
    );
    assert.throws(
      () => BpfToken.create('/proc'),
      /EINVAL: .*\/proc has to be where a BPF file system is mounted/,
    );
  });
});
