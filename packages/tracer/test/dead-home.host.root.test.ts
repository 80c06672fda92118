/** A home on a file system that does not answer, as one of NFS whose server is gone: a FUSE mount that nobody serves. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';

const root = mkdtempSync(join(tmpdir(), 'weir-homes-'));
after(() => rmSync(root, { recursive: true }));

const id = 'c0de'.padEnd(64, '2');
const store = join(root, 'home/ann/.local/share/containers/storage/overlay-containers');
mkdirSync(store, { recursive: true });
writeFileSync(join(store, 'containers.json'), JSON.stringify([{ id, names: ['web'] }]));
mkdirSync(join(root, 'home/dead'));
mkdirSync(join(root, 'etc'));
writeFileSync(
  join(root, 'etc/passwd'),
  'dead:x:1000:1000::/home/dead:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n',
);

const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
const script = `
  import { closeSync, openSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { describeContainerSources } from ${module('../src/enrich/containers/availability.js')};
  import { ContainerNames } from ${module('../src/enrich/index.js')};
  import { createArena, syscall } from '@weir/ebpf/sys';
  const [, root] = process.argv;
  const fuse = openSync('/dev/fuse', 'r+');
  const texts = ['dead', root + '/home/dead', 'fuse', \`fd=\${fuse},rootmode=40000,user_id=0,group_id=0\`];
  const arenas = texts.map((text) => createArena(4096));
  for (const [index, text] of texts.entries()) arenas[index].bytes.set(Buffer.from(text + '\\0'));
  syscall('mount', arenas[0].address, arenas[1].address, arenas[2].address, 0, arenas[3].address);
  const sources = describeContainerSources(root);
  const names = new ContainerNames({ root });
  const identity = { container_id: '${id}', container_runtime: 'podman' };
  names.names(identity);
  while (names.pending > 0) await sleep(5);
  console.log(JSON.stringify({ sources, found: names.names(identity) }));
  names[Symbol.dispose]();
  closeSync(fuse);`;

it('a home on a file system that does not answer is passed over by the search for names of containers', () => {
  const node = [process.execPath, '--input-type=module', '-e', script, root];
  const { status, signal, stdout, stderr } = spawnSync('unshare', ['-m', ...node], {
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
    cwd: new URL('.', import.meta.url).pathname,
  });
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  const { sources, found } = JSON.parse(stdout);
  assert.deepEqual(found, { container_name: 'web' });
  const docker = sources.find(({ name }: { name: string }) => name === 'Docker of users');
  assert.deepEqual(docker, {
    name: 'Docker of users',
    path: `${root}/home/dead/.local/share/docker/containers`,
    state: 'unknown',
    reason: 'on a file system of another host',
  });
});
