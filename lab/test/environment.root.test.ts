/** The file systems, tools and helpers that root tests rely on, in guests and on this machine. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

describe('the place root tests run in', () => {
  test('has the BPF and tracing file systems', () => {
    const types = new Map(
      readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .map((line) => line.split(' '))
        .map(([, where, type]) => [where, type]),
    );
    assert.equal(types.get('/sys/fs/bpf'), 'bpf');
    assert.equal(types.get('/sys/kernel/tracing'), 'tracefs');
  });

  test('has the kernel’s types, or the offsets of its fields', () => {
    const { WEIR_OFFSETS: offsets } = process.env;
    assert.equal(existsSync('/sys/kernel/btf/vmlinux'), offsets === undefined);
    if (offsets === undefined) return;
    const fields = JSON.parse(readFileSync(offsets, 'utf8')) as Record<string, number>;
    // The same on every 64-bit kernel: the two addresses begin a socket.
    assert.equal(fields['sock_common.skc_daddr'], 0);
    assert.equal(fields['sock_common.skc_rcv_saddr'], 4);
  });

  test('can make network namespaces and join them by veth', () => {
    const name = `weir-lab-${process.pid}`;
    const ip = (...args: string[]) => execFileSync('/sbin/ip', args, { encoding: 'utf8', stdio: 'pipe' });
    ip('netns', 'add', name);
    try {
      ip('-n', name, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
      assert.match(ip('-n', name, 'link', 'show', 'v1'), /v1@v0/);
    } finally {
      ip('netns', 'del', name);
    }
  });

  test('has bpftool', () => {
    assert.ok(
      Array.isArray(JSON.parse(execFileSync('bpftool', ['--json', 'prog', 'list'], { encoding: 'utf8' }))),
    );
  });

  test('has the compiled load helpers and test objects', () => {
    const { WEIR_LOAD: load, WEIR_TEST_OBJECTS: objects } = process.env;
    assert.ok(load && objects);
    assert.ok(existsSync(objects));
    for (const name of readdirSync(load)) execFileSync(`${load}/${name}`, ['--help'], { stdio: 'ignore' });
  });
});
