/** What musl's loader starts: koffi's and DuckDB's builds for it, and what Weir does through them. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CommandResult, temporaryFolder } from '@weir/lab';
import { releaseVersion } from '../src/npm/published.js';
import { MuslRoot } from './support/musl-root.js';

const skip = process.arch !== 'x64' && "Debian's and Bun's parts are for x64";

describe('in a root with musl', { skip }, () => {
  const folder = temporaryFolder('weir-musl-');
  let root: MuslRoot;
  before(async () => {
    root = await MuslRoot.create(folder.path);
  });
  after(() => folder[Symbol.dispose]());

  function printed({ status, stdout, stderr }: CommandResult): string {
    assert.equal(status, 0, `${stdout}${stderr}`);
    return stdout.toString();
  }

  test('no library of glibc is in the process', async () => {
    const maps = printed(
      await root.script("console.log(require('node:fs').readFileSync('/proc/self/maps', 'latin1'))"),
    );
    assert.match(maps, /\/lib\/ld-musl-x86_64\.so\.1$/m);
    assert.doesNotMatch(maps, /libc\.so\.6|x86_64-linux-gnu/);
  });

  test('the command starts', async () => {
    const version = printed(await root.bun('/weir/packages/cli/bin/weir.js', '--version'));
    assert.equal(version, `${releaseVersion()}\n`);
    assert.match(printed(await root.bun('/weir/packages/cli/bin/weir.js', 'trace', '--help')), /--enrich/);
  });

  test("system calls go through koffi's build for musl, with their errors", async () => {
    const text = printed(
      await root.script(`
        import { readFileSync } from 'node:fs';
        const { syscall } = await import('/weir/packages/ebpf/dist/src/sys/index.js');
        let error;
        try { syscall('ioctl', 1_234_567, 0, 0); } catch (caught) { error = caught.code; }
        const koffi = readFileSync('/proc/self/maps', 'latin1').match(/koffi-linux-x64.*koffi\\.node/)[0];
        console.log(JSON.stringify({ error, koffi }));`),
    );
    assert.deepEqual(JSON.parse(text), { error: 'EBADF', koffi: 'koffi-linux-x64/musl_x64/koffi.node' });
  });

  test('programs are loaded, and maps are made, as on glibc', async () => {
    const names = ['ringbuf', 'raw_tracepoint', 'xdp_link', 'bounded_loops'];
    const script = (place: string) => `
      const { features } = await import('${place}/packages/ebpf/dist/src/index.js');
      console.log(JSON.stringify(${JSON.stringify(names)}.map((name) => features.decide(name))));`;
    const { features } = await import('@weir/ebpf');
    const known = names.map((name) => features.decide(name as Parameters<typeof features.decide>[0]));
    assert.deepEqual(JSON.parse(printed(await root.script(script('/weir')))), known);
  });

  test('DuckDB answers a question', async () => {
    const text = printed(
      await root.script(`
        const duckdb = require('/duckdb/duckdb.node');
        const connection = await duckdb.connect(await duckdb.open());
        const result = await duckdb.query(connection, 'FROM range(42)');
        console.log(duckdb.data_chunk_get_size(await duckdb.fetch_chunk(result)));`),
    );
    assert.equal(text, '42\n');
  });
});
