/** `weir balance try`: a set-up that works at once, is changed from another terminal, and ends with its process. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Namespace, unshare } from '@weir/ebpf/sys';
import { balanceOk } from './support/balance.js';
import { WeirProcess } from './support/command.js';

if (process.getuid?.() !== 0) throw new Error('this test makes network namespaces: it needs root');

// A /run of this test's own, which the commands that it starts share.
unshare(Namespace.mount);
execFileSync('mount', ['--make-rprivate', '/']);
execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);

const run = promisify(execFile);

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, what);
    await sleep(50);
  }
}

async function start(): Promise<{ weir: WeirProcess; printed: () => string }> {
  const weir = new WeirProcess(['balance', 'try', '--rate', '50', '--ready-fd', '3']);
  let text = '';
  weir.child.stdout!.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await weir.ready();
  return { weir, printed: () => text };
}

/** Processes below another one. */
function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const];
      } catch {
        return [];
      }
    });
  const found = parents.filter(([, parent]) => parent === pid).map(([child]) => child);
  return [...found, ...found.flatMap(descendants)];
}

/** The counts of the last line about answers, by the real's name. */
function lastAnswers(text: string): Record<string, number> {
  const line =
    text
      .split('\n')
      .filter((each) => each.startsWith('answers'))
      .at(-1) ?? '';
  return Object.fromEntries(
    [...line.matchAll(/(\w+) +(\d+)(?= |$)/g)].map(([, name, count]) => [name, Number(count)]),
  );
}

describe('weir balance try', () => {
  it('serves, does what it says can be typed, and leaves nothing', async () => {
    const { weir, printed } = await start();
    using _ = weir;
    await until('all reals answer', () =>
      ['a', 'b', 'c'].every((name) => (lastAnswers(printed())[name] ?? 0) > 0),
    );
    const [, ask] = /^ {2}(nsenter .*\/) {2}/m.exec(printed())!;
    const [program, ...args] = ask!.split(' ');
    assert.match((await run(program!, args)).stdout, /^real [abc], to 10\.77\.0\.1\n$/);
    await until('health checks pass', async () =>
      / up /.test(await balanceOk('status', '--name', 'try', '--interval', '1ms')),
    );
    await balanceOk('drain', '--name', 'try', 'web', 'a');
    await until('a drained real gets no new connections', () => {
      const { a, b = 0 } = lastAnswers(printed());
      return a === 0 && b > 0;
    });
    assert.match(
      await balanceOk('lookup', '--name', 'try', '10.77.0.1:31337', '198.51.100.1:80'),
      /^tx: .*, VIP web, real [bc] /,
    );
    const second = new WeirProcess(['balance', 'try']);
    const { status, stderr } = await second.ended;
    assert.deepEqual([status, stderr.split('\n').length], [1, 2]);
    assert.match(stderr, /runs already/);
    const children = descendants(weir.pid);
    assert.ok(children.length >= 2, String(children));
    assert.equal((await weir.end('SIGINT')).status, 0);
    await until('its processes end', () => children.every((pid) => !existsSync(`/proc/${pid}/exe`)));
    assert.deepEqual(
      readdirSync('/run').filter((name) => name.startsWith('weir')),
      [],
    );
  });

  it('ends whole when it is killed, and can be started again', async () => {
    const { weir } = await start();
    const children = descendants(weir.pid);
    await weir.end('SIGKILL');
    await until('its processes end', () => children.every((pid) => !existsSync(`/proc/${pid}/exe`)));
    assert.deepEqual(
      readdirSync('/run').filter((name) => name.startsWith('weir')),
      [],
    );
    const { weir: next, printed } = await start();
    using _ = next;
    await until('a real answers', () => (lastAnswers(printed()).b ?? 0) > 0);
    assert.equal((await next.end('SIGTERM')).status, 0);
    assert.deepEqual(
      readdirSync('/run').filter((name) => name.startsWith('weir')),
      [],
    );
  });
});
