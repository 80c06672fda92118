// biome-ignore-all lint/suspicious/noControlCharactersInRegex: that is what is looked for
/** What `weir top` shows, over connections that are made up, as a terminal would show it. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { EndedConnection } from '@weir/tracer';
import { ansiColour, noColour, type Paint } from '../src/text/colour.js';
import { displayWidth } from '../src/text/width.js';
import { Watch } from '../src/top/model/frame.js';
import { initialState } from '../src/top/screen/state.js';
import { Store } from '../src/top/screen/store.js';
import { escapeDelayMs } from '../src/top/ui/keyboard.js';
import { terminalSize, Ui } from '../src/top/ui/ui.js';
import {
  connection,
  FakeLive,
  fakeEnrichment,
  noLosses,
  noTotals,
  openSocket,
  second,
} from './support/fake-live.js';
import { FakeScreen, FakeStdin } from './support/fake-terminal.js';
import { assertSnapshot } from './support/snapshot.js';

/** Names that a process may give itself: sequences, line breaks, right-to-left, wide, combining, and what imitates an escape. */
const hostile = [
  '\x1b[31mred\x07',
  'a\nb\tc\\n',
  '\u202eevil\u200b',
  'שלום',
  '漢字かな交じり文',
  'e\u0301\u0301 🦊🦊',
];

function host(): FakeLive {
  const live = new FakeLive();
  const nginx = { pid: 7, comm: 'nginx', uid: 0 };
  live.connections = [
    connection('10.0.0.5:40000', '198.51.100.7:443', {
      ...{ id: 1, flow_id: '00c0ffee', send_rate: 1_234, receive_rate: 5_600_000, started_ns: 40 * second },
      ...{ bytes_sent: 98_765, bytes_received: 1_234_567_890, packets_sent: 800, packets_received: 900_000 },
      ...{ srtt_us: 12_345, retransmits: 3, active_ns: 99 * second },
    }),
    connection(
      '[2001:db8:1234:5678:9abc:def0:1234:5678]:80',
      '[2001:db8:ffff:5678:9abc:def0:1234:9999]:51514',
      {
        ...{ id: 2, process: nginx, direction: 'inbound', state: 'close_wait', started_ns: 97 * second },
        ...{ send_rate: 90, bytes_sent: 180 },
      },
    ),
    connection('127.0.0.1:5353', '127.0.0.1:40001', {
      ...{ id: 3, transport: 'udp', process: { pid: 99 }, direction: 'inbound', receive_rate: 12 },
    }),
    connection('10.0.0.5:22', '192.0.2.9:1024', {
      ...{ id: 4, process: undefined, direction: undefined, started_ns: undefined },
    }),
    ...hostile.map((comm, index) =>
      connection('10.0.0.5:1', `192.0.2.1:${index + 1}`, {
        id: 10 + index,
        process: { pid: 100 + index, comm, uid: 0 },
      }),
    ),
  ];
  live.openSockets = [
    openSocket('0.0.0.0:80', { cookie: 1, waiting: 3 }),
    openSocket('[::1]:53', { cookie: 2, transport: 'udp', backlog: undefined, process: undefined }),
  ];
  live.totals = {
    ...noTotals,
    connected: 12,
    accepted: 7,
    failed: 1,
    retransmits: 3,
    send_rate: 1_324,
    receive_rate: 5_600_012,
  };
  return live;
}

interface Bench {
  readonly live: FakeLive;
  readonly screen: FakeScreen;
  readonly stdin: FakeStdin;
  readonly effects: string[];
  /** As typed on a keyboard. */
  type(...keys: string[]): Promise<void>;
  /** The tracer has refreshed. */
  refresh(): Promise<void>;
}

let open: Ui | undefined;
afterEach(() => {
  open?.[Symbol.dispose]();
  open = undefined;
});

async function bench(columns: number, rows: number, paint: Paint = noColour, live = host()): Promise<Bench> {
  const watch = new Watch(live, () => 100 * second);
  const screen = new FakeScreen(columns, rows);
  const stdin = new FakeStdin();
  const effects: string[] = [];
  const store = new Store({
    ...{
      enrichment: fakeEnrichment,
      paint,
      watch,
      frame: await watch.refresh(),
      size: terminalSize(screen),
    },
    state: initialState({ view: 'connections', sort: undefined, filterText: '', intervalMs: 2_000 }),
    onEffect: (effect) => void effects.push(effect),
    onInterval: () => void effects.push(`every ${store.state.intervalMs}`),
  });
  open = new Ui(store, { stdin: stdin.asStream, stdout: screen });
  await turn();
  return {
    ...{ live, screen, stdin, effects },
    async type(...keys) {
      for (const key of keys) {
        stdin.write(key);
        // Until then it may be the beginning of a sequence.
        if (key === esc) await new Promise((resolve) => setTimeout(resolve, 2 * escapeDelayMs));
        await turn();
      }
    },
    async refresh() {
      store.setFrame(await watch.refresh());
      await turn();
    },
  };
}

/** Resolves once the input has been read and its effects are on the screen. */
const turn = async () => {
  for (let round = 0; round < 5; round++) await new Promise(setImmediate);
};

const up = '\x1b[A';
const down = '\x1b[B';
const right = '\x1b[C';
const esc = '\x1b';

describe('the views of weir top', () => {
  for (const [columns, rows] of [
    [40, 12],
    [60, 15],
    [80, 24],
    [120, 24],
    [200, 30],
  ] as const) {
    it(`fit ${columns} columns`, async () => {
      const { screen, type } = await bench(columns, rows);
      let shown = '';
      for (const key of ['1', '2', '3', '4']) {
        await type(key);
        for (const line of screen.text.split('\n')) assert.ok(displayWidth(line) <= columns, line);
        shown += screen.text;
      }
      assertSnapshot(`top-${columns}`, shown);
    });
  }

  it('throw nothing on the smallest terminals', async () => {
    for (const [columns, rows] of [
      [1, 1],
      [5, 3],
      [20, 2],
    ] as const) {
      const { type } = await bench(columns, rows);
      await type('2', '\r', '\r', '?', esc, '/', 'x');
      open?.[Symbol.dispose]();
    }
  });

  it('may have nothing to show', async () => {
    const { screen, type } = await bench(80, 6, noColour, new FakeLive());
    await type(down, '\r', 'G');
    assertSnapshot('top-empty', screen.text);
  });

  it('escape hostile names of processes', async () => {
    const { screen, type } = await bench(200, 30);
    await type('2', '1');
    assert.doesNotMatch(screen.written.replace(/\x1b\[[\d;?]*[A-Za-z]/g, ''), /[\x00-\x1f\x7f\u200b\u202e]/);
    assert.doesNotMatch(screen.written, /\x1b\[31m/);
  });

  it('are the same in colour but for styles, and have no styles without', async () => {
    const plain = await bench(120, 24);
    const text = plain.screen.text;
    assert.doesNotMatch(plain.screen.written, /\x1b\[[\d;]*m(?<!\x1b\[0m)/);
    open?.[Symbol.dispose]();
    const coloured = await bench(120, 24, ansiColour);
    assert.equal(coloured.screen.text, text);
    assert.match(coloured.screen.written, /\x1b\[7m>/);
  });
});

describe('keys of weir top', () => {
  it('filter as you type, show mistakes, and take the filter back', async () => {
    const { screen, type } = await bench(100, 14);
    const before = screen.text;
    await type('/', 'p', 'o', 'r', 't', ':');
    assert.match(screen.text, /\n\/port:_ {2}port: needs a value/);
    assert.equal(
      screen.text.split('\n').slice(2, -2).join(),
      before.split('\n').slice(2, -2).join(),
      'nothing is left out',
    );
    await type('443 -nginx');
    assertSnapshot('top-filter', screen.text);
    await type('\r');
    assert.match(screen.text, /1 by rate ▼ {2}filter: port:443 -nginx\n/);
    await type('/', '\x17', 'curl', esc);
    assert.match(screen.text, /filter: port:443 -nginx\n/, 'Escape takes back what was typed');
    await type(esc);
    assert.equal(screen.text, before);
  });

  it('sort by any column, in either order', async () => {
    const { screen, type } = await bench(120, 16);
    const rows = () => screen.text.split('\n').slice(3, 13);
    await type(right, right);
    assert.match(screen.text, /by RTT/);
    assert.match(rows()[0]!, /198\.51\.100|seven/);
    await type(...Array.from({ length: 20 }, () => '<'));
    await type('r');
    assert.equal(new Set(rows()).size, rows().length);
  });

  it('pause the screen, on which rows can still be chosen', async () => {
    const { screen, type, live, refresh, effects } = await bench(100, 16);
    await type(' ');
    const paused = screen.text;
    assertSnapshot('top-paused', paused);
    Object.assign(live.connections[0]!, { receive_rate: 1, bytes_received: 2_000_000_000 });
    await refresh();
    assert.equal(screen.text, paused);
    await type(down);
    assert.notEqual(screen.text, paused);
    await type(up, ' ');
    await refresh();
    assert.doesNotMatch(screen.text, /PAUSED|5\.60 MB +\n/);
    assert.deepEqual(effects, []);
  });

  it('open the details of a connection, with its recent rates', async () => {
    const { screen, type, live, refresh } = await bench(80, 28);
    for (const rate of [1_000, 0, 500_000, 2_000_000, 5_600_000]) {
      Object.assign(live.connections[0]!, { receive_rate: rate });
      await refresh();
    }
    await type('\r');
    assertSnapshot('top-details', screen.text);
    const [first, ...others] = live.connections;
    live.connections = others;
    live.ended = [{ connection: first!, ended_ns: 98 * second, closed_by: 'peer' } satisfies EndedConnection];
    await refresh();
    assert.match(screen.text, /Ended +closed by the peer, 2 s ago\n/);
    await type(esc);
    assert.match(screen.text, /^\[1 Connections\]/m);
  });

  it('lead from a process to its connections', async () => {
    const { screen, type } = await bench(100, 16);
    await type('2', 'j', '\r');
    assert.match(screen.text, /\[1 Connections\].*1 by rate ▼ {2}filter: pid:7\n/);
    await type(esc, '3', '\r');
    assert.match(screen.text, /filter: peer:198\.51\.100\.7\n/);
  });

  it('change the interval, quit and suspend', async () => {
    const { type, effects, screen } = await bench(100, 16);
    await type('+', '-', '-', 'q', '\x03', '\x1a');
    assert.deepEqual(effects, ['every 5000', 'every 2000', 'every 1000', 'quit', 'quit', 'suspend']);
    assert.match(screen.text, /^weir top {2}1 s/);
  });

  it('are explained by the help page', async () => {
    const { screen, type } = await bench(110, 40);
    await type('?');
    assertSnapshot('top-help', screen.text);
    await type('?');
    assert.match(screen.text, /PEER/);
  });
});

describe('the terminal of weir top', () => {
  it('shows what was lost, and what cannot be shown', async () => {
    const live = host();
    live.lost = { ...noLosses, ring: 1_234, datagrams: 1 };
    live.totals = { ...live.totals, overflow: 2, untracked: 3 };
    live.failures = [{ netns: 42, error: new Error('EPERM: \x1b[31m') }];
    const { screen } = await bench(220, 10, noColour, live);
    assert.match(
      screen.text,
      /\nlost: 1,234 events \(the ring buffer was full\), 1 datagram \(a table was full\); 5 connections not shown: the table is full \(--limit\); 1 network namespace not read: EPERM: \\x1b\[/,
    );
  });

  it('is painted whole after a resize, and else only where something changed', async () => {
    const { screen, refresh, live } = await bench(80, 12);
    const before = screen.written.length;
    await refresh();
    assert.equal(screen.written.length, before, 'nothing changed');
    Object.assign(live.connections[0]!, { send_rate: 2_000 });
    await refresh();
    assert.ok(screen.written.length - before < 150, screen.written.slice(before));
    screen.resize(120, 20);
    await turn();
    const wide = screen.text;
    open?.[Symbol.dispose]();
    const fresh = await bench(120, 20, noColour, live);
    assert.equal(wide, fresh.screen.text);
  });

  it('gets one write for all keys that arrive together', async () => {
    const { screen, type } = await bench(80, 12);
    const before = screen.writes;
    await type(`${down}${down}2`);
    assert.equal(screen.writes, before + 1);
    assert.match(screen.text, /\[2 Processes\]/m);
  });

  it('is given back as it was', async () => {
    const { screen, stdin } = await bench(80, 12);
    assert.deepEqual([screen.isAlternate, screen.isCursorShown, stdin.isRaw], [true, false, true]);
    open?.[Symbol.dispose]();
    assert.deepEqual([screen.isAlternate, screen.isCursorShown, stdin.isRaw], [false, true, false]);
    for (const event of ['SIGTSTP', 'SIGCONT', 'SIGQUIT', 'uncaughtExceptionMonitor']) {
      assert.equal(process.listenerCount(event), 0, event);
    }
  });
});
