/** Terminals that go away, and SIGHUP that was ignored from the start. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const { isHangupIgnored } = createRequire(import.meta.url)('../../bin/ignored-hangup.js') as {
  isHangupIgnored(signs: { env: NodeJS.ProcessEnv; parentStatus: string; isInputNull: boolean }): boolean;
};
const bin = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));
const fake = fileURLToPath(new URL('./support/fake-weir.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-hangup-'));
after(() => rmSync(folder, { recursive: true }));

async function until(condition: () => boolean, ms: number): Promise<number> {
  const start = performance.now();
  while (!condition()) {
    assert.ok(performance.now() - start < ms, `not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - start;
}

describe('a terminal that goes away', () => {
  const cases = [
    { way: 'with SIGHUP', trap: '', where: 'on it', redirection: '' },
    { way: 'with SIGHUP', trap: '', where: 'to a file', redirection: `>${folder}/out` },
    // Nothing but the terminal ends it then.
    { way: 'with SIGHUP ignored', trap: "trap '' HUP", where: 'on it', redirection: '' },
  ] as const;
  for (const [index, { way, trap, where, redirection }] of cases.entries()) {
    it(`${way} ends weir trace that writes ${where}, quietly and without a core`, async () => {
      const name = `${folder}/${index}`;
      const script = `${trap}
        cd ${folder}; ulimit -c unlimited
        ${process.execPath} ${fake} trace --ready-fd 7 7>${name}.ready ${redirection} 2>${name}.err
        echo $? >${name}.status`;
      const terminal = spawn('script', ['-qfc', script, '/dev/null'], {
        stdio: ['pipe', 'ignore', 'ignore'],
        env: { ...process.env, SHELL: '/bin/bash' },
      });
      const said = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
      await until(() => said(`${name}.ready`) !== '', 60_000);
      terminal.kill('SIGKILL');
      await until(() => said(`${name}.err`).includes('stops 1\n'), 60_000);
      // The shell leads the session, and ends by SIGHUP itself unless that is ignored.
      if (trap === '') await new Promise((resolve) => setTimeout(resolve, 500));
      else await until(() => said(`${name}.status`) !== '', 60_000);
      assert.equal(said(`${name}.status`), trap === '' ? '' : '0\n');
      assert.match(said(`${name}.err`), /^(weir: [^\n]* in [^\n]*\n)?taken 1 stops 1\n$/);
      assert.deepEqual(
        readdirSync(folder).filter((file) => file.startsWith('core')),
        [],
      );
    });
  }
});

describe('SIGHUP that was ignored when weir was started', () => {
  const none = { env: {}, parentStatus: 'Name:\tbash\nSigIgn:\t0000000000384004\n', isInputNull: false };

  it('is known from the note of bin/weir.js, else from the parent and from what nohup leaves', () => {
    assert.equal(isHangupIgnored(none), false);
    assert.equal(isHangupIgnored({ ...none, env: { WEIR_IGNORED_SIGNALS: '0000000000001001' } }), true);
    const noted = {
      env: { WEIR_IGNORED_SIGNALS: '0000000000001000', _: '/usr/bin/nohup' },
      isInputNull: true,
    };
    assert.equal(isHangupIgnored({ ...none, ...noted }), false);
    assert.equal(isHangupIgnored({ ...none, env: { _: '/usr/bin/nohup' } }), true);
    assert.equal(isHangupIgnored({ ...none, env: { _: '/usr/bin/node' } }), false);
    assert.equal(isHangupIgnored({ ...none, isInputNull: true }), true);
    assert.equal(isHangupIgnored({ ...none, parentStatus: 'SigIgn:\t0000000000000001\n' }), true);
  });

  it('is noted by bin/weir.js, which runs as a script of sh and as a module', () => {
    const env = {
      ...process.env,
      NODE_OPTIONS: `--import=data:text/javascript,console.log(process.env.WEIR_IGNORED_SIGNALS)`,
    };
    const run = (script: string) =>
      spawnSync('bash', ['-c', script], { env, encoding: 'utf8' }).stdout.split('\n');
    assert.match(run(`trap '' HUP; exec ${bin} --version`)[0]!, /^[0-9a-f]{15}[13579bdf]$/);
    assert.match(run(`exec ${bin} --version`)[0]!, /^[0-9a-f]{15}[02468ace]$/);
    assert.deepEqual(run(`${process.execPath} ${bin} --version`)[0], 'undefined');
  });

  it('is ignored from the first moment on, before the command itself is loaded', () => {
    const preload = join(folder, 'preload.cjs');
    // The signal comes when the code of the command is read.
    writeFileSync(
      preload,
      `const fs = require('node:fs'); const { readFileSync } = fs;
      fs.readFileSync = (path, ...more) => {
        if (String(path).endsWith('trace-entry.cjs')) process.kill(process.pid, 'SIGHUP');
        return readFileSync(path, ...more);
      };`,
    );
    const command = `${process.execPath} --require ${preload} ${bin} trace --help >/dev/null`;
    const run = (script: string) =>
      spawnSync('bash', ['-c', `${script} ${command}; echo $?`], { encoding: 'utf8' });
    assert.equal(run('').stdout, '129\n');
    assert.equal(run(`trap '' HUP;`).stdout, '0\n');
    assert.equal(run(`WEIR_IGNORED_SIGNALS=0000000000001001`).stdout, '0\n');
  });

  it('stays ignored: weir trace goes on, and ends on SIGINT', async () => {
    const name = `${folder}/ignored`;
    // The parent ignores it, too.
    const script = `trap '' HUP; ${process.execPath} ${fake} trace --json --ready-fd 7 7>${name} & echo $!; wait $!; echo $?`;
    const shell = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    shell.stdout.on('data', (text) => {
      output += text;
    });
    await until(() => existsSync(name) && readFileSync(name, 'utf8') !== '', 60_000);
    const pid = Number.parseInt(output, 10);
    process.kill(pid, 'SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.kill(pid, 'SIGINT');
    await new Promise((resolve) => shell.on('close', resolve));
    assert.equal(output.trim().split('\n').at(-1), '0');
    assert.equal(output.match(/"cpu":999999/g)?.length, 1, 'what was left in the ring came at the end');
  });
});
