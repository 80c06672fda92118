/** `weir trace` with UDP and enrichment, as a user runs it. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { traceWhile } from './support/command.js';

const netns = `weir-enrich-${process.pid}`;
/** What a process calls itself, and what a terminal must not act on. */
const evil = '\x1b[2Jevil\u202e\n';

/** Talks to itself over TCP and UDP, then ends: not at once, for what lives only for a moment may go unseen. */
const program = `
const [dgram, net] = [require('node:dgram'), require('node:net')];
const server = net.createServer((socket) => socket.end('hello')).listen(443, '127.0.0.1', () => {
  net.connect(443, '127.0.0.1').resume().on('close', () => server.close());
});
const answers = dgram.createSocket('udp4').bind(53, '127.0.0.1', () => {
  const asks = dgram.createSocket('udp4');
  answers.on('message', (_, { port, address }) => answers.send('an answer', port, address));
  asks.on('message', () => (asks.close(), answers.close()));
  asks.send('asked', 53, '127.0.0.1');
});
setTimeout(() => {}, 1000);`;

interface Line {
  readonly event: string;
  readonly direction?: string;
  readonly service?: string;
  readonly process: { readonly pid: number; readonly executable?: string; readonly command_line?: string };
  readonly bytes_sent?: number;
  readonly bytes_received?: number;
  readonly closed_by?: string;
}

describe('weir trace --udp --enrich', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-enrich-'));
    symlinkSync(process.execPath, join(folder, 'talker'));
    execFileSync('ip', ['netns', 'add', netns]);
    execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
  });
  after(() => {
    execFileSync('ip', ['netns', 'del', netns]);
    rmSync(folder, { recursive: true });
  });

  const talk = async () => {
    const args = ['netns', 'exec', netns, join(folder, 'talker'), '-e', program, evil];
    const [status] = await once(spawn('ip', args, { stdio: 'inherit' }), 'close');
    assert.equal(status, 0);
  };

  it('reports connections and flows with the details of their process, though it has ended', async () => {
    const { stdout, stderr } = await traceWhile(
      ['--json', '--udp', '--enrich', '--netns', netns, '-e', 'accept,close,udp_flow'],
      talk,
    );
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /\p{C}/u);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    assert.deepEqual(lines.map(({ event }) => event).sort(), [
      ...['accept', 'close', 'close', 'udp_flow', 'udp_flow'],
    ]);
    for (const { process: talker } of lines) {
      assert.equal(talker.executable, process.execPath);
      assert.ok(talker.command_line?.endsWith(evil), talker.command_line);
    }
    const flows = lines.filter(({ event }) => event === 'udp_flow');
    assert.deepEqual(
      flows
        .map(({ direction, bytes_sent, bytes_received }) => [direction, bytes_sent, bytes_received].join())
        .sort(),
      ['inbound,9,5', 'outbound,5,9'],
    );
    const services = (events: readonly Line[]) => [...new Set(events.map(({ service }) => service))];
    assert.deepEqual(services(flows), ['domain']);
    assert.deepEqual(services(lines.filter(({ event }) => event !== 'udp_flow')), ['https']);
    assert.match(stderr, /2 udp_flow; none lost/);
  });

  it('prints text of which nothing acts on a terminal', async () => {
    const { stdout } = await traceWhile(['-e', 'udp_flow', '--enrich', '--netns', netns], talk);
    const lines = stdout.trim().split('\n').slice(1);
    assert.equal(lines.length, 2);
    for (const line of lines) {
      assert.doesNotMatch(line, /\p{C}/u);
      assert.match(
        line,
        / udp .* closed by local, service domain, .*executable \/.*command .*\\x1b\[2Jevil\\u202e\\n$/,
      );
    }
  });
});
