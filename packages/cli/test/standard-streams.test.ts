/** Standard output and error are shared: nothing about their open files changes, and nobody is kept waiting by them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InheritedStream } from '../src/output/descriptor-stream.js';
import { Notices } from '../src/output/notices.js';
import { Capture } from './support/captured-output.js';
import { openFileKinds, watchFlags } from './support/shared-flags.js';

const bin = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));
const fake = fileURLToPath(new URL('./support/fake-weir.js', import.meta.url));
const crashing = fileURLToPath(new URL('./support/crashing-weir.js', import.meta.url));
const env = { WEIR: `${process.execPath} ${bin}`, FAKE: `${process.execPath} ${fake}` };
const folder = mkdtempSync(join(tmpdir(), 'weir-streams-'));
after(() => rmSync(folder, { recursive: true }));

/** The signal comes once it traces. */
const endedBy = (signal: string, args: string) =>
  `exec 7> >(read -r; kill -${signal} $$); exec $FAKE trace ${args} --ready-fd 7`;

const commands: readonly (readonly [command: string, output: RegExp, status: number])[] = [
  ['$WEIR --help', /^Usage: weir /, 0],
  ['$WEIR --version', /^\d/, 0],
  ['$WEIR trcae', /Did you mean trace\?/, 2],
  ['$WEIR completion bash', /complete/, 0],
  ['$WEIR balance status --name none', /^weir: /, 1],
  ['$FAKE doctor', /CAP_PERFMON/, 1],
  [endedBy('INT', ''), /connect/, 0],
  [endedBy('INT', '--format tcptracer --verbose'), /connect/, 0],
  [endedBy('KILL', ''), /^/, 137],
  [
    `${process.execPath} ${crashing} trace --debug`,
    /this is a bug in weir: TypeError: on purpose.*\n.*at /s,
    1,
  ],
];

describe('flags of an inherited open file, and modes of a terminal, are the same before, during and after', () => {
  for (const kind of openFileKinds) {
    for (const [command, expected, status] of commands) {
      it(`${command.replaceAll(/\S+\//g, '')}, on a ${kind}`, () => {
        const result = watchFlags(command, kind, env);
        assert.match(result.output, expected);
        assert.equal(result.status, status, result.output);
        assert.equal(result.seen.length, kind === 'terminal' ? 2 : 1, result.seen.join());
      });
    }
  }
});

describe('a shell that reads the pipe into which weir writes', () => {
  const reads = (ending: string) => {
    const fifo = join(folder, `fifo-${ending}`);
    const script = `
      mkfifo ${fifo}
      exec 3<>${fifo}
      $FAKE trace --format tcptracer >&3 2>/dev/null &
      for line in {1..10}; do read -r -t 10 words <&3 || exit 1; done
      echo "$words"
      kill -${ending} $!
      wait $!
      ${ending === 'INT' ? 'read -r -t 10 words <&3 || exit 2; echo "$words"' : ''}
      read -r -t 0.2 <&3
      echo "waited for more: $?"`;
    return spawnSync('bash', ['-c', script], { env: { ...process.env, ...env }, encoding: 'utf8' });
  };
  for (const ending of ['INT', 'KILL']) {
    it(`gets lines, and waits for more after ${ending}`, () => {
      const { stdout, stderr } = reads(ending);
      const [first, ...rest] = stdout.trim().split('\n');
      assert.match(first!, /^\d+ cpu#0 connect /);
      // bash says 142 for a time limit, 1 for an error.
      assert.equal(rest.at(-1), 'waited for more: 142', stderr);
      assert.doesNotMatch(stderr, /unavailable/);
    });
  }
});

describe('writes to a file that others write to', () => {
  it('neither overwrite lines of others nor are overwritten', () => {
    const file = join(folder, 'shared');
    const script = `{ echo first; $WEIR --version; echo third; $WEIR --version; } >${file}`;
    spawnSync('bash', ['-c', script], { env: { ...process.env, ...env } });
    assert.match(readFileSync(file, 'utf8'), /^first\n\d\S+\nthird\n\d\S+\n$/);
  });
});

describe('a pipe that somebody else made non-blocking', () => {
  it('gets everything, whether or not it can be opened again', () => {
    const script = `
      use Fcntl; fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK);
      fcntl(STDERR, F_SETFL, O_WRONLY | O_NONBLOCK);
      exec @ARGV;`;
    const run = `perl -e '${script}' ${process.execPath} ${fake} trace --json --count 20000 2>/dev/null`;
    const { stdout } = spawnSync('bash', ['-c', `${run} | (sleep 0.3; wc -l)`], {
      env: { ...process.env, FAKE_BATCHES: '3000' },
      encoding: 'utf8',
    });
    assert.equal(stdout.trim(), '20000');
  });
});

describe('a descriptor that cannot be opened again', () => {
  it('is written to only as far as it takes something, and gets everything in order', async () => {
    const fifo = join(folder, 'slow');
    spawnSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR);
    let isOpen = false;
    let asked = 0;
    const stream = new InheritedStream(fd);
    stream.avoidWaiting(() => {
      asked++;
      return isOpen;
    });
    const text = 'x'.repeat(10_000);
    const start = performance.now();
    const written = new Promise((resolve) => stream.write(text, resolve));
    while (asked < 7) await new Promise((resolve) => setTimeout(resolve, 5));
    // It pauses for 1, 2, 4, 8 and 16 ms, which timers may cut by a part of one.
    assert.ok(performance.now() - start > 25, `asked ${asked} times in ${performance.now() - start} ms`);
    const reader = spawn('head', ['-c', '10000', fifo]);
    let read = 0;
    reader.stdout.on('data', (bytes: Buffer) => {
      read += bytes.length;
    });
    isOpen = true;
    await written;
    await new Promise((resolve) => reader.on('close', resolve));
    closeSync(fd);
    assert.equal(read, 10_000);
  });
});

describe('notices on standard error', () => {
  it('are bounded where nobody reads them, and the number of those left out is written', async () => {
    const stream = new Capture();
    let release = () => {};
    stream.blocked = new Promise((resolve) => {
      release = resolve;
    });
    const notices = new Notices(stream, 20);
    for (let index = 0; index < 1000; index++) notices.write(`line ${index}\n`);
    assert.ok(stream.writableLength < 40);
    release();
    stream.blocked = undefined;
    for (const end = Date.now() + 60_000; !stream.text.includes('missing') && Date.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 1));
    const lines = stream.text.trim().split('\n');
    const kept = lines.filter((line) => line.startsWith('line '));
    const missing = `weir: ${1000 - kept.length} lines are missing here: standard error was not read`;
    assert.ok(lines.includes(missing), lines.slice(-3).join());
  });
});
