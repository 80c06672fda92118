/** Names of processes that are not UTF-8: distinguished in records, and filtered by, byte for byte. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { traceWhile } from './support/command.js';
import { TestNetns } from './support/load.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-names-'));
after(() => rmSync(folder, { recursive: true }));

/** Two processes whose names differ in a byte that is not UTF-8, and one whose name is what that looks like. */
const attempts = String.raw`
  for name in '\377' '\376' '\\xff'; do
    bash -c 'printf "w$0" >/proc/self/comm 2>/dev/null; printf "w$0" >/proc/$$/comm; exec 3<>/dev/tcp/127.0.0.1/9' "$name" 2>/dev/null
  done; true`;

interface Line {
  readonly event: string;
  readonly process: Readonly<Record<string, string>>;
}

async function processes(args: readonly string[], script = attempts, prefix: readonly string[] = []) {
  using netns = new TestNetns();
  const all = ['--json', '--netns', netns.name, ...args];
  const run = async () => execFileSync('ip', ['netns', 'exec', netns.name, 'bash', '-c', script]);
  const { stdout, stderr } = await traceWhile(all, run, prefix);
  const lines = stdout.split('\n').filter((line) => line !== '');
  assert.match(stderr, /none lost/);
  return lines.map((line) => JSON.parse(line) as Line).map(({ process }) => process);
}

const comms = (found: readonly Readonly<Record<string, string>>[]) => found.map(({ comm }) => comm).sort();

it('command names that differ in one byte are different, in JSON by escapes', async () => {
  assert.deepEqual(comms(await processes([])), ['w\\\\xff', 'w\\xfe', 'w\\xff']);
});

it('-c takes the escapes of JSON and of text, and the bytes themselves', async () => {
  assert.deepEqual(comms(await processes(['-c', 'w\\xff'])), ['w\\xff']);
  assert.deepEqual(comms(await processes(['-c', 'w\\\\xff,w\\xfe'])), ['w\\\\xff', 'w\\xfe']);
  const raw = ['bash', '-c', 'exec "$@" -c $\'w\\xfe\'', 'bash'];
  assert.deepEqual(comms(await processes([], attempts, raw)), ['w\\xfe']);
});

it('--enrich keeps the bytes of executables and command lines', async () => {
  const script = `
    program=${folder}/$'x\\xff'
    cp /bin/bash "$program"
    "$program" -c 'sleep 0.3; exec 3<>/dev/tcp/127.0.0.1/9' $'é\\xfe\\\\' 2>/dev/null; true`;
  const [found] = await processes(['--enrich'], script);
  assert.equal(found?.executable, `${folder}/x\\xff`);
  assert.match(found?.command_line ?? '', / é\\xfe\\\\$/);
});
