/** `weir balance` where it needs no kernel: messages, exit statuses, text. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Status } from '@weir/balancer/control';
import { ControlServer, type Handlers, type NamedFlow, RequestError } from '@weir/balancer/control';
import { inFileWords } from '../src/balance/file-words.js';
import { packetsOf } from '../src/balance/packet-argument.js';
import { pinnedText } from '../src/balance/running-balancer.js';
import { statusText } from '../src/balance/status.js';
import { noColour } from '../src/text/colour.js';
import { balance } from './support/balance.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-balance-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const vip = '{address: 198.51.100.1, port: 80, protocol: tcp, reals: [{address: 10.0.0.1}]}';
const goodText = `name: edge\ninterface: nowhere0\nvips: [${vip}]\n`;
const good = file('good.yaml', goodText);
const bad = file('bad.yaml', `interface: eth0\nmode: x\nvips: [${vip},\n ${vip}]\n`);

describe('weir balance check', () => {
  it('accepts a good file', async () => {
    assert.deepEqual(await balance('check', good), {
      ...{ code: 0, stdout: `${good}: good: 1 VIP, 1 real\n`, stderr: '' },
    });
    const result = JSON.parse((await balance('check', '--json', good)).stdout);
    assert.deepEqual(result, { ok: true, problems: [], warnings: [] });
  });

  it('does not run commands of a file to which others may write', async () => {
    const others = file('others.yaml', `${goodText}onChange: [/bin/true]\n`);
    chmodSync(others, 0o666);
    const { code, stderr } = await balance('run', others);
    assert.equal(code, 2);
    assert.match(stderr, /nobody else may be able to write to it: "chown root .*", "chmod go-w /);
  });

  it('warns of what is probably a mistake, with status 0', async () => {
    const odd = file('odd.yaml', goodText.replace('10.0.0.1', '224.0.0.1'));
    const { code, stdout, stderr } = await balance('check', odd);
    assert.deepEqual([code, stdout], [0, `${odd}: good: 1 VIP, 1 real, 1 warning\n`]);
    assert.match(stderr, /odd\.yaml:3:\d+: warning: 224\.0\.0\.1 is a multicast address/);
    const { ok, warnings } = JSON.parse((await balance('check', '--json', odd)).stdout);
    assert.deepEqual([ok, warnings.length, warnings[0].line], [true, 1, 3]);
  });

  it('reports every mistake of a file with its line and column', async () => {
    const lines = [
      `${bad}:2:7: mode: expected native or generic`,
      `${bad}:4:2: VIP 198.51.100.1:80/tcp is listed twice`,
    ];
    assert.deepEqual(await balance('check', bad), { code: 2, stdout: '', stderr: `${lines.join('\n')}\n` });
    const { code, stdout, stderr } = await balance('check', '--json', bad);
    assert.deepEqual([code, stderr], [2, '']);
    const { ok, problems } = JSON.parse(stdout) as { ok: boolean; problems: unknown[] };
    assert.deepEqual([ok, problems.length], [false, 2]);
    assert.deepEqual(problems[0], { line: 2, column: 7, message: 'mode: expected native or generic' });
  });

  it('escapes what it shows of a file', async () => {
    const hostile = file('hostile.yaml', 'interface: eth0\nvips: []\n"\\e[2J\\nx": 1\n');
    const { stderr } = await balance('check', hostile);
    assert.equal(stderr, `${hostile}:3:1: \\x1b[2J\\nx is not known here\n`);
  });

  it('refuses a missing file, and one that cannot be read', async () => {
    const missing = join(folder, 'missing.yaml');
    for (const command of ['check', 'run', 'apply']) {
      assert.deepEqual(await balance(command, missing), {
        ...{ code: 2, stdout: '', stderr: `weir: ${missing}: no such file or directory\n` },
      });
    }
    assert.match((await balance('check', folder)).stderr, /illegal operation on a directory\n$/);
    const { code, stderr } = await balance('check');
    assert.deepEqual(
      [code, stderr],
      [2, "weir: missing required argument 'file' (see weir balance check --help)\n"],
    );
  });
});

describe('packets on the command line', () => {
  const frame = '020000000001020000000002080045';

  it('may be hex or base64', () => {
    const bytes = Buffer.from(frame, 'hex');
    for (const text of [
      frame,
      frame.toUpperCase(),
      `0x${frame}`,
      frame.replace(/../g, '$& '),
      bytes.toString('base64'),
    ]) {
      assert.deepEqual(
        packetsOf(text, () => []),
        [{ bytes, length: 15 }],
      );
    }
  });

  it('may be a capture file', () => {
    const path = file('x.pcap', 'content');
    const packet = { bytes: new Uint8Array(20), length: 60 };
    assert.deepEqual(
      packetsOf(path, (bytes) => (String(bytes) === 'content' ? [packet] : [])),
      [packet],
    );
    assert.throws(
      () =>
        packetsOf(path, () => {
          throw new Error('neither pcap nor pcapng');
        }),
      { name: 'UsageError', message: `${path}: neither pcap nor pcapng` },
    );
  });

  it('are refused if they are too short or too long', () => {
    assert.throws(() => packetsOf('0102', () => []), /a frame of 2 bytes: expected 14 to 3500/);
    assert.throws(
      () => packetsOf('no such file!', () => []),
      /expected a file that exists, or a frame in hex or base64/,
    );
  });
});

function refused(): never {
  throw new Error('not in this test');
}
const nothing: Handlers = {
  ...{
    status: refused,
    apply: refused,
    drain: refused,
    lookup: refused,
    stop: refused,
    capture: refused,
    deleteFlow: refused,
    flows: refused,
    purge: refused,
  },
};

let number = 0;

/** Runs it against a control socket with these handlers. */
async function asked(handlers: Partial<Handlers>, ...args: string[]) {
  const path = join(folder, `${number++}.sock`);
  const server = await ControlServer.listen(path, undefined, { ...nothing, ...handlers });
  try {
    return await balance(...args, '--socket', path);
  } finally {
    server.close();
    await server.closed;
  }
}

describe('weir balance with a running balancer', () => {
  it('drains a real', async () => {
    const forced: unknown[] = [];
    const drain: Handlers['drain'] = async ({ vip: name, real, force }) => {
      forced.push(force);
      return { vip: name, real };
    };
    assert.equal((await asked({ drain }, 'drain', 'web', 'a')).stdout, 'web: real a is drained\n');
    assert.equal((await asked({ drain }, 'drain', 'web', 'a', '--force')).code, 0);
    assert.deepEqual(forced, [false, true]);
    assert.equal(
      (await asked({ drain }, 'undrain', 'web', 'a')).stdout,
      'web: real a is no longer drained\n',
    );
  });

  it('answers a wrong request like a wrong command line, with status 2', async () => {
    const drain: Handlers['drain'] = async () => {
      throw new RequestError('no VIP web: there are none');
    };
    assert.deepEqual(await asked({ drain }, 'drain', 'web', 'a'), {
      ...{ code: 2, stdout: '', stderr: 'weir: no VIP web: there are none\n' },
    });
  });

  it('reports what does not work, with status 1', async () => {
    const stop: Handlers['stop'] = async () => {
      throw new Error('unlink: EBUSY');
    };
    assert.deepEqual(await asked({ stop }, 'stop'), { code: 1, stdout: '', stderr: 'weir: unlink: EBUSY\n' });
    const path = join(folder, 'none.sock');
    const stderr = `weir: no balancer runs here: there is no socket ${path}\n`;
    assert.deepEqual(await balance('status', '--socket', path), { code: 1, stdout: '', stderr });
  });

  it('applies a good file', async () => {
    const got: unknown[] = [];
    const apply: Handlers['apply'] = async (body) => {
      got.push(body);
      return { changes: ['VIP web added'] };
    };
    assert.equal((await asked({ apply }, 'apply', good)).stdout, 'VIP web added\n');
    assert.equal((await asked({ apply }, 'apply', bad)).code, 2);
    assert.equal(got.length, 1);
    const same: Handlers['apply'] = async () => ({ changes: [] });
    assert.equal((await asked({ apply: same }, 'apply', good)).stdout, 'nothing is different\n');
  });

  it('looks flows up also for the SYN that begins them', async () => {
    const service = { address: '198.51.100.1', port: 80, protocol: 'tcp' } as const;
    const none = { verdict: 'drop', reason: 'nat-unknown', service, real: undefined, vip: 'web' } as const;
    const onSyn = { ...none, verdict: 'tx', reason: 'ring', real: '10.0.0.1', realPort: 8080 } as const;
    const lookup: Handlers['lookup'] = async () => ({ ...none, onSyn });
    assert.equal(
      (await asked({ lookup }, 'lookup', '192.0.2.1:7', '198.51.100.1:80')).stdout,
      'drop: of no translated flow that is known, VIP web\n' +
        'a SYN begins it: tx: by the ring, VIP web, real 10.0.0.1:8080\n',
    );
  });

  const web = { address: '198.51.100.1', port: 80, protocol: 'tcp' } as const;
  const known: NamedFlow = {
    ...{
      source: '192.0.2.1',
      sourcePort: 7,
      destination: '198.51.100.1',
      destinationPort: 80,
      protocol: 'tcp',
    },
    ...{
      service: web,
      vip: 'web',
      real: '10.0.0.1',
      realName: 'a',
      byRule: false,
      state: 'known',
      idleMs: 2100,
    },
  };

  it('lists flows as they come, with the filters of the command line', async () => {
    const bodies: unknown[] = [];
    const flows: Handlers['flows'] = async function* (body) {
      bodies.push(body);
      yield [{ progress: { walked: 1, places: 2 } }, { flow: { ...known, cpu: 1 } }];
      yield [{ flow: { ...known, source: '192.0.2.2', translated: { address: '192.0.2.9', port: 10_000 } } }];
      yield [{ end: { walked: 2, places: 2, flows: 2 } }];
    };
    const { stdout, stderr } = await asked({ flows }, 'flows');
    assert.deepEqual(stdout.split('\n').slice(1, 3), [
      '192.0.2.1:7            198.51.100.1:80        tcp    2.10 s    cpu 1     known  web  a (10.0.0.1)',
      '192.0.2.2:7            198.51.100.1:80        tcp    2.10 s    nat       known  web  a (10.0.0.1)',
    ]);
    assert.equal(stderr, 'weir: 2 flows\n');
    const filters = ['--vip', 'web', '--real', 'a', '--source', '192.0.2.0/24', '--protocol', 'udp'];
    const times = ['--older', '1s', '--younger', '2m', '--limit', '9', '--json'];
    const json = (await asked({ flows }, 'flows', 'list', ...filters, ...times)).stdout.trim().split('\n');
    assert.deepEqual(JSON.parse(json[0]!), { ...known, cpu: 1 });
    assert.deepEqual(bodies, [
      { action: 'list' },
      {
        ...{ action: 'list', vip: 'web', real: 'a', source: '192.0.2.0/24', protocol: 'udp' },
        ...{ olderMs: 1000, youngerMs: 120_000, limit: 9 },
      },
    ]);
  });

  it('counts flows', async () => {
    const flows: Handlers['flows'] = async function* () {
      const reals = [{ address: '10.0.0.1', name: 'a', flows: 3 }];
      const ages = [2, 1, 0, 0, 0, 0, 0, 0, 1];
      const states = { known: 3, idle: 0, stale: 1 };
      const services = [{ vip: 'web', service: web, flows: 3, ages: [2, 1, 0, 0, 0, 0, 0, 0, 0], reals }];
      const tables = { cpus: [{ cpu: 0, flows: 4 }], fallback: 0, translated: 0 };
      yield [{ analysis: { flows: 4, ages, states, services, reals, withoutService: 1, ...tables } }];
      yield [{ end: { walked: 2, places: 2, flows: 4 } }];
    };
    const { stdout } = await asked({ flows }, 'flows', 'analyse');
    assert.match(stdout, /^4 flows: 3 known, 0 idle for too long, 1 whose real has left\ntables: cpu 0 4\n/);
    assert.match(stdout, /\n {2}less than 1 s ago {2} +2 \(50 %\)\n {2}less than 10 s ago/);
    assert.match(stdout, /\n {2}1 d or more ago {2} +1 \(25 %\)\n/);
    assert.match(
      stdout,
      /\n {2}web {2}3 \(75 %\) {2}100 % used within 1 min\n {4}a \(10\.0\.0\.1\) {2}3 \(100 %\)\n/,
    );
    assert.match(stdout, /\n1 flow of no VIP that is known\n/);
  });

  it('removes one flow, and those of a real', async () => {
    const asks: unknown[] = [];
    const deleteFlow: Handlers['deleteFlow'] = async (flow) => {
      asks.push(flow);
      return { removed: asks.length - 1 };
    };
    const purge: Handlers['purge'] = async function* (body) {
      asks.push(body);
      yield [{ end: { walked: 2, places: 2, flows: 1234 } }];
    };
    const one = ['flows', 'delete', '192.0.2.1:7', '198.51.100.1:80'];
    assert.equal((await asked({ deleteFlow }, ...one)).stdout, 'the flow was not known\n');
    assert.equal((await asked({ deleteFlow }, ...one, '--json')).stdout, '{"removed":1}\n');
    assert.equal((await asked({ purge }, 'flows', 'purge', 'web', 'a')).stdout, '1,234 flows removed\n');
    const { source, sourcePort, destination, destinationPort, protocol } = known;
    const flow = { source, sourcePort, destination, destinationPort, protocol };
    assert.deepEqual(asks, [flow, flow, { vip: 'web', real: 'a' }]);
  });

  it('refuses what an action on flows does not take', async () => {
    const refusals = [
      [['list', 'web'], 'flows: list takes no operands: --vip, --real and --source choose flows'],
      [['analyse', '--limit', '1'], 'flows: analyse takes no --limit'],
      [['delete', '192.0.2.1:7'], 'flows: delete takes the client and the VIP, ADDRESS:PORT each'],
      [['purge'], 'flows: purge takes a VIP, or a VIP and its real'],
      [['purge', 'web', '--source', '::/0'], 'flows: purge takes no --source'],
    ] as const;
    for (const [args, message] of refusals) {
      const stderr = `weir: ${message}\n`;
      assert.deepEqual(await asked({}, 'flows', ...args), { code: 2, stdout: '', stderr });
    }
  });

  it("names the file's keys in messages of the library", () => {
    assert.equal(
      inFileWords('flows 9: no (forgetFlows allows it)'),
      'options.flows 9: no (--forget-flows allows it)',
    );
    assert.equal(inFileWords('cpus: this machine has no CPU 9'), 'options.cpus: this machine has no CPU 9');
    assert.equal(inFileWords('nat: no'), 'nat: no');
  });

  it('names what still forwards without a process', () => {
    const text = pinnedText('edge', [
      { interface: 'eth0', program: 42 },
      { interface: undefined, program: 43 },
    ]);
    assert.match(text, /by program 42 on eth0, program 43 of a device that is gone, pinned in .*\/edge: /);
    assert.match(text, /"weir balance run FILE" resumes it, "weir balance detach" ends forwarding$/);
  });

  it('looks flows up', async () => {
    const flows: unknown[] = [];
    const service = { address: '198.51.100.1', port: 80, protocol: 'udp' } as const;
    const lookup: Handlers['lookup'] = async (flow) => {
      flows.push(flow);
      return { verdict: 'tx', reason: 'flow-table', service, real: '10.0.0.1', vip: 'web', realName: 'a' };
    };
    const args = ['lookup', '192.0.2.1:7', '[2001:db8::1]:80', '--protocol', 'udp'];
    assert.equal((await asked({ lookup }, ...args)).stdout, 'tx: known flow, VIP web, real a (10.0.0.1)\n');
    assert.deepEqual(flows, [
      {
        source: '192.0.2.1',
        sourcePort: 7,
        destination: '2001:db8::1',
        destinationPort: 80,
        protocol: 'udp',
      },
    ]);
    assert.equal(JSON.parse((await asked({ lookup }, ...args, '--json')).stdout).realName, 'a');
    const { code, stderr } = await asked({ lookup }, 'lookup', '192.0.2.1', '198.51.100.1:80');
    assert.equal(code, 2);
    assert.match(stderr, /^weir: '192\.0\.2\.1': expected ADDRESS:PORT, such as /);
  });

  it('captures into a file, and reports how many packets came', async () => {
    const options: unknown[] = [];
    const capture: Handlers['capture'] = async function* (body) {
      options.push(body);
      yield Buffer.from('bytes');
      return { packets: 1000, lost: 2 };
    };
    const args = ['--reason', 'ring,malformed', '--every', '3', '--bytes', '60', '--count', '4'];
    const { code, stdout, stderr } = await asked({ capture }, 'capture', ...args);
    assert.deepEqual([code, stdout, stderr], [0, 'bytes', 'weir: 1,000 packets, 2 lost\n']);
    assert.deepEqual(options, [{ every: 3, reasons: ['ring', 'malformed'], bytes: 60, count: 4 }]);
    const wrong = await asked({ capture }, 'capture', '-o', join(folder, 'no', 'such', 'folder'));
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /no such file or directory/);
    assert.match((await balance('capture', '--reason', 'rign')).stderr, /Allowed are not-ip, /);
  });
});

const traffic = { packets: 0, bytes: 0, packetsPerSecond: 1234.5, bytesPerSecond: 98_765 };
const counters = { packets: 5000, transmitted: 4000, passed: 900, dropped: 100 };

const status = {
  ...{ name: 'edge', version: '1', pid: 1, started: '2026-01-01T00:00:00.000Z', over: 1 },
  interfaces: [{ interface: 'eth0', mode: 'native' }],
  routers: [{ interface: 'eth0', address: '192.0.2.1', mac: '02:00:00:00:00:01', state: 'known' }],
  vips: [
    {
      ...{
        name: 'web',
        address: '198.51.100.1',
        port: 443,
        protocol: 'tcp',
        forwarding: 'tunnel',
        flags: [],
      },
      ...{ state: 'up', ...traffic },
      reals: [
        {
          ...{ name: 'a', address: '10.0.0.1', weight: 1, ringWeight: 1, share: 1, drained: false, traffic },
          ...{ condition: 'up', reason: 'connected', since: '2026-01-01T00:00:00.000Z' },
        },
        {
          ...{
            name: '10.0.0.2',
            address: '10.0.0.2',
            weight: 2,
            ringWeight: 0,
            share: 0,
            drained: true,
            traffic,
          },
          ...{ condition: 'down', reason: 'timeout\x1b', since: '2026-01-01T00:01:00.000Z' },
        },
      ],
    },
    {
      ...{
        name: '[2001:db8::1]:53/udp',
        address: '2001:db8::1',
        port: 53,
        protocol: 'udp',
        forwarding: 'nat',
      },
      ...{ flags: [], state: 'down', ringStays: 'down', ...traffic },
      reals: [
        {
          name: 'r',
          address: 'fd00::1',
          port: 5353,
          weight: 1,
          ringWeight: 1,
          share: 1,
          drained: false,
          traffic,
        },
      ],
    },
  ],
  counters: { ...counters, malformed: 1234, emptySlot: 0 },
  rates: counters,
} as unknown as Status;

describe('the text of weir balance status', () => {
  it('has a table for each VIP, and the counters of what ought not to happen', () => {
    assert.equal(
      statusText(status, noColour, new Date('2026-01-01T00:02:00.000Z')),
      `edge  eth0 (native)  router 192.0.2.1 at 02:00:00:00:00:01  control plane up 2m00s
5,000 packets/s: 4,000 sent on, 900 left to the host, 100 dropped

web  198.51.100.1:443/tcp  up  1,235 packets/s  98.8 kB/s
  REAL  ADDRESS   WEIGHT    SHARE  PACKETS/S  BYTES/S  HEALTH
  a     10.0.0.1       1  100.0 %      1,235  98.8 kB  up 2m00s
        10.0.0.2   0 (2)    0.0 %      1,235  98.8 kB  drained down 1m00s timeout\\x1b

[2001:db8::1]:53/udp  nat  down: no real is up, the ring of before stays  1,235 packets/s  98.8 kB/s
  REAL  ADDRESS         WEIGHT    SHARE  PACKETS/S  BYTES/S  HEALTH
  r     [fd00::1]:5353       1  100.0 %      1,235  98.8 kB

1,234 malformed packets, dropped
`,
    );
  });

  it('has the source of reals, parts of weights, what agents say, and certificates that expire', () => {
    const [web] = status.vips;
    const [a, b] = web!.reals;
    const source = {
      ...{ kind: 'dns', source: 'dns web.example', state: 'gone', error: 'no\x1b answer', failures: 3 },
      ...{ answered: '2026-01-01T00:01:00.000Z', goneSince: '2026-01-01T00:01:30.000Z' },
      ...{ found: 2, skipped: 1, skippedReason: '127.0.0.1 is a loopback address', pending: 2 },
    };
    const certificateWarning = 'its certificate expires on 2026-01-02, in 1 day';
    const reals = [{ ...a!, ringWeight: 0.75, agent: '75%', certificateWarning }, b!];
    const vips = [{ ...web!, source, reals }] as unknown as Status['vips'];
    const lines = statusText({ ...status, vips }, noColour, new Date('2026-01-01T00:02:00.000Z')).split('\n');
    assert.deepEqual(
      [lines[4], lines[6]],
      [
        '  reals from dns web.example, gone for 30.0 s, answered 1m00s ago, no\\x1b answer, 2 about to change, 1 left out: 127.0.0.1 is a loopback address',
        '  a     10.0.0.1  0.75 (1)  100.0 %      1,235  98.8 kB  up 2m00s agent: 75% its certificate expires on 2026-01-02, in 1 day',
      ],
    );
  });

  it('says what drivers did not take, where the kernel counts that', () => {
    const notes = (unsent: Status['unsent']) =>
      statusText({ ...status, ...(unsent && { unsent }) }, noColour, new Date('2026-01-01T00:02:00.000Z'))
        .split('\n')
        .filter((line) => line.includes('did not take'));
    assert.deepEqual(notes(undefined), []);
    assert.deepEqual(notes({ redirected: 0, transmitted: 0 }), []);
    assert.deepEqual(notes({ redirected: 1200, transmitted: 3 }), [
      '1,200 packets that the device by which they leave did not take, lost',
      '3 packets that their device did not take back, lost',
    ]);
  });
});
