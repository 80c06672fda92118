import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  COMMAND_LINE_BYTES,
  Enricher,
  inInitialPidNamespace,
  NewProcesses,
  PeerNames,
  type ProcessDetails,
  Processes,
  pidNamespaceView,
  Services,
} from '../src/enrich/index.js';
import {
  parseCommandLine,
  parseExecutable,
  parseStat,
  readDetails,
  readState,
} from '../src/enrich/procfs.js';
import { StartTicks } from '../src/enrich/start-ticks.js';
import type { ConnectRecord, LostRecord, UdpFlowRecord } from '../src/index.js';

const stat = (comm: string, ticks: number | string) =>
  `17 (${comm}) S ${Array.from({ length: 18 }, () => '0').join(' ')} ${ticks} 0 0\n`;

describe('reading /proc', () => {
  it('parses commands with parentheses, spaces and newlines in stat', () => {
    for (const comm of ['node', 'a) R 1 2', '((', '))', 'x\ny', '', ' ']) {
      assert.deepEqual(parseStat(stat(comm, 4711)), { startTicks: 4711, comm });
    }
    for (const text of ['', 'x', ')(', '1 (x)', stat('x', 'y')]) assert.equal(parseStat(text), undefined);
  });

  it('parses command lines that are padded, empty or cut', () => {
    const parse = (text: string) => parseCommandLine(Buffer.from(text));
    assert.equal(parse('nginx\0-g\0daemon off;\0'), 'nginx -g daemon off;');
    assert.equal(parse('nginx: worker process\0\0\0\0\0\0'), 'nginx: worker process');
    assert.equal(parse('a\0\0b\0'), 'a  b');
    assert.equal(parse(''), undefined);
    assert.equal(parse('\0\0'), undefined);
    assert.equal(parse('\u001b]0;owned\u0007\0'), '\u001b]0;owned\u0007');
    assert.equal(parseCommandLine(Uint8Array.of(0xff, 0xfe)), '\udcff\udcfe');
    const bytes = Buffer.from('a€b');
    for (const [length, text] of [
      [1, 'a…'],
      [2, 'a…'],
      [3, 'a…'],
      [4, 'a€…'],
      [5, 'a€b…'],
    ] as const) {
      assert.equal(parseCommandLine(bytes.subarray(0, length), true), text);
    }
  });

  it('recognises executables that were replaced', () => {
    assert.equal(parseExecutable('/usr/sbin/nginx (deleted)'), '/usr/sbin/nginx');
    assert.equal(parseExecutable('/tmp/a (deleted) b'), '/tmp/a (deleted) b');
  });

  it('reads this process, and a child with a huge command line', async () => {
    const own = readDetails(process.pid);
    assert.ok(own.executable?.startsWith('/'));
    assert.ok(own.command_line?.includes('test'), own.command_line);
    assert.ok((readState(process.pid)?.startTicks ?? 0) > 0);
    const child = spawn('/bin/sh', ['-c', 'echo; read -r line', 'x'.repeat(100_000)], { stdio: 'pipe' });
    await once(child.stdout, 'data');
    const line = readDetails(child.pid!).command_line;
    child.stdin.end();
    assert.equal(line?.length, COMMAND_LINE_BYTES + 1);
    assert.match(line, /^\/bin\/sh -c echo; read -r line x+…$/);
    await once(child, 'exit');
    assert.deepEqual(readDetails(child.pid!), {});
    assert.equal(readState(child.pid!), undefined);
  });
});

describe('moments in clock ticks after boot', () => {
  it('count the time for which the host was suspended before them', () => {
    let [suspended, now] = [3e9, 0];
    const ticks = new StartTicks(
      () => suspended,
      () => now,
    );
    assert.equal(ticks.at(50_000_000), 305);
    now = 10e9;
    suspended = 5e9;
    assert.equal(ticks.at(11e9), 1600);
    assert.equal(ticks.at(9e9), 1200, 'before the suspension');
  });

  it('are those of this process', () => {
    const began = readState(process.pid)!.startTicks;
    const ticks = new StartTicks();
    const now = Number(process.hrtime.bigint());
    assert.ok(began <= ticks.at(now));
    assert.ok(Math.abs(began - ticks.at(now - process.uptime() * 1e9)) <= 100);
  });
});

describe('remembered processes', () => {
  function world() {
    const running = new Map<number, { startTicks: number; comm: string; details: ProcessDetails }>();
    let reads = 0;
    let time = 0;
    const processes = new Processes({
      limit: 3,
      freshMs: 1000,
      now: () => time,
      reader: {
        state: (pid) => running.get(pid),
        details: (pid) => {
          reads++;
          return running.get(pid)?.details ?? {};
        },
      },
    });
    return { running, processes, reads: () => reads, pass: (ms: number) => (time += ms) };
  }

  it('are read once, and keep their details after their end', () => {
    const { running, processes, reads, pass } = world();
    const details = { executable: '/bin/a', command_line: 'a' };
    running.set(1, { startTicks: 5, comm: 'a', details });
    assert.equal(processes.details(1, 'a'), details);
    assert.equal(processes.details(1, 'a'), details);
    assert.equal(reads(), 1);
    running.set(1, { startTicks: 5, comm: 'a', details: {} });
    pass(2000);
    assert.equal(processes.details(1), details, 'in the middle of its end');
    running.delete(1);
    pass(2000);
    assert.equal(processes.details(1, 'a'), details);
  });

  it('are read anew after exec() and for a reused pid: at once by comm, else after a while', () => {
    const { running, processes, pass } = world();
    running.set(1, { startTicks: 5, comm: 'sh', details: { executable: '/bin/sh' } });
    processes.details(1, 'sh');
    running.set(1, { startTicks: 5, comm: 'cat', details: { executable: '/bin/cat' } });
    assert.equal(processes.details(1, 'sh')?.executable, '/bin/sh');
    assert.equal(processes.details(1, 'cat')?.executable, '/bin/cat');
    running.set(1, { startTicks: 9, comm: 'cat', details: {} });
    assert.equal(processes.details(1, 'cat')?.executable, '/bin/cat');
    pass(1000);
    assert.deepEqual(processes.details(1, 'cat'), {}, 'a kernel thread has its pid now');
  });

  it('do not describe the program that a process became by exec() before its end', () => {
    for (const isEnding of [true, false]) {
      const { running, processes, pass } = world();
      const unit = 'a.service';
      const shell = { executable: '/bin/sh', command_line: 'sh', unit };
      running.set(1, { startTicks: 5, comm: 'sh', details: shell });
      processes.details(1, 'sh');
      // In the middle of its end, a process still has its name.
      if (isEnding) running.set(1, { startTicks: 5, comm: 'cat', details: {} });
      else running.delete(1);
      for (const ms of [0, 100, 5000]) {
        pass(ms);
        assert.deepEqual(processes.details(1, 'cat'), { unit }, `${isEnding} ${ms}`);
        assert.equal(processes.details(1, 'sh'), shell);
      }
    }
  });

  it('never describe another process that has their pid by now', () => {
    const running = new Map<number, { startTicks: number; comm: string; details: ProcessDetails }>();
    let time = 0;
    const processes = new Processes({
      now: () => time,
      // A tick a millisecond.
      ticks: { at: (ns) => Math.floor(ns / 1e6) },
      reader: { state: (pid) => running.get(pid), details: (pid) => running.get(pid)?.details ?? {} },
    });
    const program = (comm: string, ms: number, sinceMs = ms) =>
      processes.details(1, comm, { aliveNs: ms * 1e6, sinceNs: sinceMs * 1e6 })?.executable;
    running.set(1, { startTicks: 100, comm: 'a', details: { executable: '/bin/a' } });
    assert.equal(program('a', 150), '/bin/a');
    running.set(1, { startTicks: 200, comm: 'a', details: { executable: '/bin/other' } });
    time += 60;
    assert.equal(program('a', 150), '/bin/a', 'an event from before the other began');
    assert.equal(program('a', 250), '/bin/other');
    assert.equal(program('a', 99), undefined, 'before either');
    assert.equal(processes.details(1, 'a', { startTicks: 100 })?.executable, '/bin/a');
    assert.equal(processes.details(1, 'a', { startTicks: 150 }), undefined);
    assert.equal(program('x', 200), undefined, 'in the tick in which it began, under another name');
    assert.equal(program('x', 300, 150), undefined, 'an owner of a time before it began, under another name');
    assert.equal(program('x', 300, 250), '/bin/other');
    running.set(1, { startTicks: 400, comm: 'a', details: { executable: '/bin/third' } });
    processes.anticipate(1);
    assert.equal(program('a', 450), '/bin/third', 'a pid that the kernel gave anew');
  });

  it('with threads of many names are not read repeatedly', () => {
    const { running, processes, reads } = world();
    running.set(1, { startTicks: 5, comm: 'java', details: { executable: '/bin/java' } });
    for (let i = 0; i < 100; i++) for (const comm of ['java', 'gc', 'worker']) processes.details(1, comm);
    assert.equal(reads(), 3);
  });

  it('are bounded in number, and unknown if they ended at once', () => {
    const { running, processes } = world();
    assert.equal(processes.details(7), undefined);
    for (let pid = 1; pid <= 9; pid++)
      running.set(pid, { startTicks: pid, comm: 'x', details: { unit: `${pid}` } });
    for (let pid = 1; pid <= 9; pid++) assert.equal(processes.details(pid)?.unit, `${pid}`);
    assert.equal(processes.size, 3);
  });
});

describe('names of ports', () => {
  it('come from the file, else from the built-in list', () => {
    const services = new Services(
      '# x\nssh-alt 22/tcp ssh # y\nfoo\t9999/udp\nbad 70000/tcp\nalso 22/tcp\nx 1/sctp\n',
    );
    assert.equal(services.name(22, 'tcp'), 'ssh-alt');
    assert.equal(services.name(9999, 'udp'), 'foo');
    assert.equal(services.name(9999, 'tcp'), undefined);
    assert.equal(services.name(443, 'udp'), 'https');
    assert.equal(services.name(51_820, 'udp'), 'wireguard');
    assert.equal(services.name(70_000, 'tcp'), undefined);
    assert.equal(new Services().name(53, 'udp'), 'domain');
    assert.equal(Services.read('/nonexistent').name(22, 'tcp'), 'ssh');
  });
});

describe('names of peers', () => {
  /** Waits until every lookup has its answer, or none. */
  const settle = async (names: PeerNames) => {
    for (const deadline = Date.now() + 30_000; names.pending > 0; await sleep(1))
      assert.ok(Date.now() < deadline, `${names.pending} lookups are under way`);
  };

  it('are known once the answer has come, and a query does not wait', async () => {
    const named: string[] = [];
    let lookups = 0;
    using names = new PeerNames({
      resolve: async (address) => {
        lookups++;
        return [`host-${address.replaceAll('.', '-')}.example.`];
      },
      onName: (address, name) => named.push(`${address} ${name}`),
    });
    assert.equal(names.name('192.0.2.1'), undefined);
    assert.equal(names.name('192.0.2.1'), undefined);
    await settle(names);
    assert.equal(names.name('192.0.2.1'), 'host-192-0-2-1.example');
    assert.equal(lookups, 1);
    assert.deepEqual(named, ['192.0.2.1 host-192-0-2-1.example']);
  });

  it('limit the lookups under way, and those that wait', async () => {
    let running = 0;
    let most = 0;
    using names = new PeerNames({
      concurrency: 3,
      queueLimit: 5,
      resolve: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running--;
        return ['x'];
      },
    });
    for (let i = 0; i < 100; i++) names.name(`192.0.2.${i}`);
    assert.equal(names.pending, 8);
    await settle(names);
    assert.equal(most, 3);
    assert.equal(names.name('192.0.2.7'), 'x');
    assert.equal(names.name('192.0.2.8'), undefined, 'was turned away');
  });

  it('are absent after failures, timeouts and hostile answers, which are remembered for a while', async () => {
    let time = 0;
    let answer: () => Promise<string[]> = () => Promise.reject(new Error('ENOTFOUND'));
    let lookups = 0;
    using names = new PeerNames({
      timeoutMs: 5,
      keepNoneMs: 100,
      keepMs: 200,
      now: () => time,
      resolve: () => {
        lookups++;
        return answer();
      },
    });
    const ask = async () => {
      names.name('a');
      await settle(names);
      time += 1;
      const name = names.name('a');
      time += 1000;
      return name;
    };
    assert.equal(await ask(), undefined);
    answer = () => new Promise(() => {});
    assert.equal(await ask(), undefined);
    for (const name of ['\u001b[2J', 'a b', '', 'x'.repeat(300), '-rf', '<script>']) {
      answer = async () => [name];
      assert.equal(await ask(), undefined, JSON.stringify(name));
    }
    answer = () => {
      throw new Error('at once');
    };
    assert.equal(await ask(), undefined);
    answer = async () => ['\n', 'good.example.'];
    assert.equal(await ask(), 'good.example');
    // Out of date, but better than none while the lookup is repeated.
    answer = () => new Promise(() => {});
    assert.equal(names.name('a'), 'good.example');
    const before = lookups;
    assert.equal(names.name('a'), 'good.example');
    assert.equal(lookups, before);
  });

  it('are forgotten beyond the limit, and not looked up after disposal', async () => {
    let lookups = 0;
    const names = new PeerNames({
      limit: 2,
      resolve: async (address) => {
        lookups++;
        return [`n${address}`];
      },
    });
    for (const address of ['1', '2', '3']) names.name(address);
    await settle(names);
    assert.equal(names.name('3'), 'n3');
    names[Symbol.dispose]();
    assert.equal(names.name('9'), undefined);
    assert.equal(lookups, 3);
  });
});

describe('enriched records', () => {
  const connect: ConnectRecord = {
    event: 'connect',
    time: '',
    monotonic_ns: 1_000_000_000_000,
    cpu: 0,
    process: { pid: 7, tid: 8, comm: 'curl', uid: 0 },
    netns: 1,
    network: { transport: 'tcp', type: 'ipv4' },
    local: { address: '10.0.0.1', port: 40_000 },
    peer: { address: '192.0.2.1', port: 443 },
    direction: 'outbound',
    flow_id: '1.0',
  };
  const details: ProcessDetails = { executable: '/usr/bin/curl', command_line: 'curl x', unit: 'a.service' };
  let alive = true;
  const processes = () =>
    new Processes({
      freshMs: 0,
      reader: {
        state: (pid) => (alive && pid === 7 ? { startTicks: 1, comm: 'curl' } : undefined),
        details: () => details,
      },
    });
  const services = new Services('kept 40000/tcp\n');

  it('have details of their process, also after its end', () => {
    alive = true;
    const enricher = new Enricher({ processes: processes() });
    const process = { ...connect.process, ...details };
    assert.deepEqual(enricher.enrich(connect), { ...connect, process });
    alive = false;
    assert.deepEqual(enricher.enrich(connect).process, process);
    assert.equal(
      enricher.enrich({ ...connect, process: { ...connect.process!, pid: 9 } }).process?.unit,
      undefined,
    );
    const { process: _, ...nobody } = connect;
    assert.equal(enricher.enrich(nobody), nobody);
  });

  it('of one process share what is there about it', () => {
    alive = true;
    const enricher = new Enricher({ processes: processes() });
    const found = enricher.enrich(connect).process;
    assert.equal(enricher.enrich({ ...connect, process: { ...connect.process! } }).process, found);
    const ofThread = enricher.enrich({ ...connect, process: { ...connect.process!, tid: 9 } }).process;
    assert.deepEqual(ofThread, { ...found, tid: 9 });
  });

  it('have details of a process that was only looked at before its end', () => {
    alive = true;
    const enricher = new Enricher({ processes: processes() });
    enricher.look(connect);
    alive = false;
    assert.deepEqual(enricher.enrich(connect).process, { ...connect.process, ...details });
  });

  it('have the service of the side that serves', () => {
    const enricher = new Enricher({ services });
    const { direction: _, ...older } = connect;
    assert.equal(enricher.enrich(connect).service, 'https');
    assert.equal(enricher.enrich({ ...connect, direction: 'inbound' }).service, 'kept');
    assert.equal(enricher.enrich(older).service, 'kept');
    assert.equal(enricher.enrich({ ...older, local: { address: '::1', port: 39_999 } }).service, 'https');
    const udp = {
      ...connect,
      network: { transport: 'udp', type: 'ipv4' },
      peer: { address: '::1', port: 22 },
    };
    assert.equal(enricher.enrich(udp as unknown as UdpFlowRecord).service, undefined);
  });

  it('have the name of the peer once it is known, and all other fields', async () => {
    let resolve = (_: readonly string[]): void => {};
    const answer = new Promise<readonly string[]>((set) => {
      resolve = set;
    });
    using peerNames = new PeerNames({ resolve: () => answer });
    const enricher = new Enricher({ peerNames });
    assert.equal(enricher.enrich(connect).peer?.name, undefined);
    resolve(['host.example']);
    while (peerNames.pending > 0) await new Promise(setImmediate);
    assert.deepEqual(enricher.enrich(connect).peer, { ...connect.peer, name: 'host.example' });
    assert.deepEqual(connect.peer, { address: '192.0.2.1', port: 443 });
    const lost: LostRecord = { event: 'lost', time: '', monotonic_ns: 1, count: 1, where: 'ring' };
    assert.equal(enricher.enrich(lost), lost);
  });
});

it('the check of /proc shows whether it is that of the host, or that this is not known', () => {
  assert.equal(inInitialPidNamespace(), pidNamespaceView() === 'initial');
  assert.equal(inInitialPidNamespace('/nowhere'), false);
  assert.equal(pidNamespaceView('/nowhere'), 'unknown');
  const withoutNamespaces = mkdtempSync(join(tmpdir(), 'proc-'));
  mkdirSync(join(withoutNamespaces, 'self/ns'), { recursive: true });
  writeFileSync(join(withoutNamespaces, 'self/ns/net'), '');
  assert.equal(pidNamespaceView(withoutNamespaces), 'initial');
  rmSync(withoutNamespaces, { recursive: true });
});

describe('new processes', () => {
  it('are read soon after they begin, and again after exec()', () => {
    const looked: number[] = [];
    let last: number | undefined = 100;
    using scout = new NewProcesses(
      { anticipate: (pid) => void looked.push(pid) },
      { lastPid: () => last, isProcess: (pid) => pid % 2 === 0 },
    );
    scout.look();
    assert.deepEqual(looked.splice(0), []);
    last = 104;
    scout.look();
    assert.deepEqual(looked.splice(0), [102, 104]);
    scout.look();
    assert.deepEqual(looked.splice(0), [102, 104]);
    last = 1_000_000;
    scout.look();
    assert.equal(looked.splice(0).length, 16);
    last = 2;
    scout.look();
    assert.deepEqual(looked.splice(0).at(-1), 2);
    last = undefined;
    scout.look();
    scout.look();
    assert.deepEqual(looked, [2]);
  });

  it('keep details from before their first event, unless they are from before exec()', () => {
    let state: { startTicks: number; comm: string } | undefined = { startTicks: 1, comm: 'sh' };
    let details: ProcessDetails = { executable: '/bin/sh' };
    const processes = new Processes({ reader: { state: () => state, details: () => details } });
    processes.anticipate(7);
    processes.anticipate(8);
    details = { executable: '/usr/bin/curl' };
    state = { startTicks: 1, comm: 'curl' };
    processes.anticipate(8);
    state = undefined;
    assert.equal(processes.details(7, 'curl'), undefined);
    assert.deepEqual(processes.details(7, 'sh'), { executable: '/bin/sh' });
    assert.deepEqual(processes.details(8, 'curl'), { executable: '/usr/bin/curl' });
    processes.anticipate(9);
    assert.equal(processes.size, 2);
    assert.equal(processes.details(9), undefined);
  });

  it('on this host are found', async () => {
    const processes = new Processes();
    using _scout = new NewProcesses(processes);
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 100_000)']);
    for (const deadline = Date.now() + 60_000; processes.size === 0; await new Promise(setImmediate)) {
      assert.ok(Date.now() < deadline);
    }
    child.kill('SIGKILL');
    await once(child, 'close');
  });
});
