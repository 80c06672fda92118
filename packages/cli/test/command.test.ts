/** The real command as a process: exit statuses, errors, signals, pipes. Nothing here needs a kernel's help. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));
const fake = fileURLToPath(new URL('./support/fake-weir.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-command-'));
after(() => rmSync(folder, { recursive: true }));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; result: Promise<Result> } {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const result = new Promise<Result>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, result };
}

const weir = (...args: string[]) => start(process.execPath, [bin, ...args]).result;
const shell = (script: string, env: NodeJS.ProcessEnv = {}) =>
  start('bash', ['-c', script], { FAKE: `${process.execPath} ${fake}`, ...env }).result;

/** Waits for something that another process does, at most ten seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'timed out');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('weir', () => {
  it('prints help on every command', async () => {
    for (const args of [
      ['--help'],
      ['-h'],
      ['help'],
      ['trace', '--help'],
      ['help', 'trace'],
      ['doctor', '-h'],
      ['completion', '--help'],
      ['balance', '--help'],
      ['balance', 'check', '-h'],
      ['help', 'balance'],
    ]) {
      const { code, stdout, stderr } = await weir(...args);
      assert.deepEqual([code, stderr], [0, ''], args.join(' '));
      assert.match(stdout, /^Usage: weir /);
      assert.match(stdout, /\nExamples:\n/);
    }
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.deepEqual(await weir('--version'), { code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('shows the help as an error without a command', async () => {
    const { code, stdout, stderr } = await weir();
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^Usage: weir /);
  });

  const wrong: [args: string[], message: RegExp][] = [
    [['trce'], /unknown command 'trce': Did you mean trace\?/],
    [['nonsense'], /unknown command 'nonsense' \(see weir --help\)/],
    [['--verzion'], /unknown option '--verzion': Did you mean --version\?/],
    [['trace', '--pdi', '1'], /unknown option '--pdi': Did you mean --pid\?/],
    [['trace', '--nothing-like-it'], /unknown option '--nothing-like-it' \(see weir trace --help\)/],
    [['trace', 'eth0'], /too many arguments for 'trace'/],
    [['trace', '-p'], /'-p, --pid <pid>' argument missing/],
    [['trace', '-p', '12x'], /'12x' is invalid. Expected a process id from 1 to 4194304/],
    [['trace', '--port', '99999'], /Expected a port from 0 to 65535/],
    [['trace', '--peer', 'example.org'], /expected an address or prefix/],
    [['trace', '-e', 'conect'], /Allowed are connect, accept, close, fail/],
    [['trace', '--direction', 'up'], /Allowed choices are inbound, outbound/],
    [['trace', '--color', 'blue'], /Allowed choices are auto, always, never/],
    [['trace', '--duration', 'soon'], /Expected a time such as/],
    [['trace', '--count', '0'], /Expected a number from 1/],
    [['trace', '--ring-size', '1'], /Expected a size from 4K to 2G/],
    [['trace', '--uid', 'no-such-user'], /No user of that name/],
    [['trace', '--netns', 'no-such-namespace'], /is no network namespace/],
    [['trace', '--ready-fd', '9'], /Expected a writable descriptor that was inherited/],
    [['trace', '--comm', '\x1b[2J\n-hostile-and-long'], /^weir: .*\\x1b\[2J\\n-hostile/],
    [['doctor', '--jsn'], /unknown option '--jsn': Did you mean --json\?/],
    [['completion'], /missing required argument 'shell'/],
    [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
  ];
  for (const [args, message] of wrong) {
    it(`refuses "${JSON.stringify(args.join(' '))}" in one line`, async () => {
      const { code, stdout, stderr } = await weir(...args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^weir: [^\n]+\n$/);
      assert.match(stderr, message);
    });
  }

  it('refuses a file that holds no BTF', async () => {
    const file = join(folder, 'no.btf');
    writeFileSync(file, 'not BTF');
    for (const path of [file, join(folder, 'missing')]) {
      for (const command of ['trace', 'doctor']) {
        const { code, stdout, stderr } = await shell(
          `$FAKE ${command} --btf ${path} 2> >(grep -v taken >&2)`,
        );
        assert.deepEqual([code, stdout], [2, '']);
        assert.match(stderr, /^weir: --btf [^\n]+\n$/);
      }
    }
  });

  it('loads neither the tracer nor its native part for help', async () => {
    const script = `
      process.on('exit', () => process.stderr.write(process.report.getReport().sharedObjects.join()));
      process.argv[2] = '--help';
      await import(${JSON.stringify(bin)});`;
    const { stdout, stderr } = await start(process.execPath, ['--input-type=module', '-e', script, 'weir'])
      .result;
    assert.match(stdout, /^Usage: weir/);
    assert.match(stderr, /libc/);
    assert.doesNotMatch(stderr, /koffi/);
  });
});

describe('weir trace as a process', () => {
  it('ends cleanly when the reader of its output goes away', async () => {
    const { code, stdout, stderr } = await shell('set -o pipefail; $FAKE trace --json | head -n 3', {
      FAKE_BATCHES: '20000',
    });
    assert.equal(code, 0);
    assert.equal(stdout.split('\n').length, 4);
    assert.match(stderr, /^taken \d+ stops 1\n$/);
  });

  it('does not read ahead of a slow reader', async () => {
    const script = '$FAKE trace --json | (sleep 1; head -n 1 >/dev/null)';
    const { stderr } = await shell(script, { FAKE_BATCHES: '20000' });
    const taken = Number(/^taken (\d+) stops 1$/m.exec(stderr)?.[1]);
    // A pipe and a socket buffer hold some 300 kB; a batch is 4 kB.
    assert.ok(taken > 0 && taken < 200, stderr);
  });

  it('loses nothing between the tracer and a pipe', async () => {
    const { code, stdout, stderr } = await shell('$FAKE trace --json --count 20000 | (sleep 0.2; wc -l)', {
      FAKE_BATCHES: '3000',
    });
    assert.deepEqual([code, stdout.trim()], [0, '20000']);
    assert.match(stderr, /weir: 20,000 events in/);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`announces by --ready-fd that it began, and ends on ${signal}`, async () => {
      const ready = join(folder, `ready-${signal}`);
      const { child, result } = start('bash', [
        '-c',
        `exec ${process.execPath} ${fake} trace --json --ready-fd 7 7>${ready}`,
      ]);
      await until(() => existsSync(ready) && readFileSync(ready, 'utf8') === 'ready\n');
      child.kill(signal);
      const { code, stdout, stderr } = await result;
      assert.equal(code, 0);
      assert.equal(JSON.parse(stdout.trim().split('\n').at(-1)!).cpu, 999_999, 'what was left in the ring');
      assert.match(stderr, /^weir: \d+ events in .*\ntaken \d stops 1\n$/);
    });
  }

  it('announces by --ready-fd through a pipe, and closes it', async () => {
    const { code, stdout } = await shell(
      'exec 5>&1; $FAKE trace --count 1 --ready-fd 7 7>&1 >/dev/null 2>/dev/null | cat >&5',
    );
    assert.deepEqual([code, stdout], [0, 'ready\n']);
  });

  it('refuses descriptors of its own for --ready-fd', async () => {
    for (let fd = 3; fd < 30; fd++) {
      const { code } = await start(process.execPath, [
        fake,
        'trace',
        '--count',
        '1',
        '--ready-fd',
        String(fd),
      ]).result;
      assert.equal(code, 2, `descriptor ${fd}`);
    }
  });

  it('is forced to end by a second signal while its output is stuck', async () => {
    const child = spawn(process.execPath, [fake, 'trace', '--json', '--verbose'], {
      env: { ...process.env, FAKE_BATCHES: '20000' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    let written = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      written += text;
    });
    await until(() => written.includes('tracing'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(child.exitCode, null, 'waits for its reader');
    const again = setInterval(() => child.kill('SIGINT'), 300);
    assert.equal(await ended, 130);
    clearInterval(again);
    child.stdout.destroy();
    child.stderr.destroy();
  });

  it('reports a full disk', async () => {
    const { code, stderr } = await shell('$FAKE trace --json >/dev/full');
    assert.equal(code, 1);
    assert.match(stderr, /^weir: [^\n]*ENOSPC[^\n]*\ntaken \d stops 1\n$/);
  });

  it('colours when forced, and not in a pipe', async () => {
    const { stdout: plain } = await shell('$FAKE trace --count 1 2>/dev/null');
    assert.ok(!plain.includes('\x1b'));
    const { stdout: coloured } = await shell('$FAKE trace --count 1 --color always 2>/dev/null');
    assert.ok(coloured.includes('\x1b[32mconnect'));
    const { stdout: forced } = await shell('$FAKE trace --count 1 2>/dev/null', { FORCE_COLOR: '1' });
    assert.ok(forced.includes('\x1b[32mconnect'));
  });

  it('ends doctor quietly when nobody reads its output', async () => {
    const { stderr } = await shell('$FAKE doctor | true');
    assert.match(stderr, /^taken 0 stops 0\n$/);
  });
});

describe('weir doctor', () => {
  it('exits with 1 where tracing would not work, as text and as JSON', async () => {
    const text = await shell('$FAKE doctor 2>/dev/null');
    assert.equal(text.code, 1);
    assert.match(text.stdout, /✗ CAP_PERFMON is missing\n {4}Run as root\./);
    const json = await shell('$FAKE doctor --json 2>/dev/null');
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.stdout).ok, false);
  });
});
