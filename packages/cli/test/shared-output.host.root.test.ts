/** `weir trace` writes into a pipe that a shell holds and reads, too, as scripts for tcptracer-bpf do. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bin } from './support/command.js';
import { TestNetns } from './support/load.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-shared-'));
after(() => rmSync(folder, { recursive: true }));

/** A pipe whose open file this test and its children share. */
function sharedPipe(name: string): number {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return openSync(path, constants.O_RDWR);
}

function flagsOf(fd: number): string {
  return /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!;
}

/** Starts weir with the pipe as standard output, and waits until it traces. */
async function traceInto(fd: number, ...args: string[]) {
  const child = spawn(process.execPath, [bin, 'trace', ...args, '--ready-fd', '3'], {
    stdio: ['ignore', fd, 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  await once(child.stdio[3]!, 'data');
  return { child, ended: once(child, 'exit'), stderr: () => stderr };
}

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  it(`a shell reads lines from the pipe that it shares with weir, until after ${signal}`, async () => {
    using netns = new TestNetns();
    const fd = sharedPipe(signal);
    const flags = flagsOf(fd);
    const { child, ended } = await traceInto(fd, '--format', 'tcptracer', '--netns', netns.name);
    const script = `
      for line in {1..40}; do read -r -t 20 words <&3 || exit 1; echo "$words"; done
      echo done
      read -r -t 1 <&3; echo "nothing more: $?"`;
    const shell = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', fd] });
    let output = '';
    shell.stdout!.on('data', (text) => {
      output += text;
    });
    const shellEnded = once(shell, 'close');
    await netns.load('pairs', '--count', '10');
    assert.equal(flagsOf(fd), flags);
    while (!output.includes('done')) await sleep(10);
    child.kill(signal);
    await ended;
    assert.equal(flagsOf(fd), flags);
    await shellEnded;
    const lines = output.trim().split('\n');
    assert.equal(lines.length, 42);
    assert.equal(lines.at(-1), 'nothing more: 142');
  });
}

it('a reader that waits neither stalls nor ends weir, and what it missed is counted exactly', async () => {
  using netns = new TestNetns();
  const fd = sharedPipe('slow');
  const { child, ended, stderr } = await traceInto(
    ...([fd, '--json', '--netns', netns.name, '--ring-size', '4K'] as const),
  );
  const pairs = 3000;
  await netns.load('churn', '--count', String(pairs));
  assert.equal(child.exitCode, null);
  // It waits for the pipe, but not in the kernel: signals are seen, and no CPU time is used.
  const used = async () => {
    const before = cpuTicks(child.pid!);
    await sleep(500);
    return cpuTicks(child.pid!) - before;
  };
  // On a busy machine it is not through with what the load has made when that ends.
  for (const end = Date.now() + 60_000; (await used()) > 10; )
    assert.ok(Date.now() < end, 'more than a tenth of a second of CPU time in half a second');
  child.kill('SIGINT');
  let text = '';
  const reader = spawn('cat', { stdio: [fd, 'pipe', 'inherit'] });
  reader.stdout!.on('data', (chunk) => {
    text += chunk;
  });
  assert.deepEqual(await ended, [0, null]);
  const lost = Number(
    /^weir: ([\d,]+) events lost: the ring buffer was full/m.exec(stderr())?.[1]?.replaceAll(',', '') ?? 0,
  );
  assert.ok(lost > 0, stderr());
  // The pipe stays open: nothing but the lines themselves shows that its reader has all of them.
  const events = () =>
    text.split('\n').filter((line) => /^\{.*\}$/.test(line) && !/"event":"lost"/.test(line)).length;
  for (const deadline = Date.now() + 60_000; events() + lost < 4 * pairs && Date.now() < deadline; )
    await sleep(20);
  reader.kill();
  assert.equal(events() + lost, 4 * pairs);
});

/** utime and stime, in hundredths of a second. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
