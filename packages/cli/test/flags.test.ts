/** From the command line to the tracer's options. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { TracerOptions } from '@weir/tracer';
import { lazyCommands } from '../src/entries/lazy-commands.js';
import { runCommandLine } from '../src/run-command-line.js';
import { Capture } from './support/captured-output.js';
import { FakeFactory } from './support/fake-tracer.js';

/** The options that `weir trace` with these arguments starts its tracer with. */
async function optionsOf(...args: string[]): Promise<TracerOptions | undefined> {
  return (await factoryOf(...args)).started[0];
}

async function factoryOf(...args: string[]): Promise<FakeFactory> {
  const factory = new FakeFactory({ batches: [], ends: true });
  const stderr = new Capture();
  const code = await runCommandLine(
    ['trace', '--no-summary', ...args],
    {
      stdout: new Capture(),
      stderr,
      env: {},
      signals: process,
      exit: () => assert.fail('exit'),
      loadTracer: async () => factory,
    },
    lazyCommands,
  );
  assert.deepEqual([code, stderr.text], [0, '']);
  return factory;
}

describe('flags of weir trace', () => {
  it('set no options by default', async () => {
    assert.deepEqual(await optionsOf(), {});
    assert.deepEqual(await optionsOf('--json', '--wide', '--color=never', '--count', '5'), {});
  });

  it('become filters of the tracer, repeated or in lists', async () => {
    const options = await optionsOf(
      ...['-p', '1,2', '--pid=3', '-c', 'nginx', '-c', 'envoy', '-u', 'root', '-u', '33'],
      ...['--netns', '/proc/self/ns/net', '--cgroup', '77', '--port', '80', '--local-port', '8000-8999,22'],
      ...[
        '--peer-port',
        '443',
        '--address',
        '10.0.0.0/8',
        '--local',
        '::1',
        '--peer',
        '192.0.2.1,2001:db8::/32',
      ],
      ...['--direction', 'inbound', '-e', 'accept,close', '-e', 'fail'],
    );
    assert.deepEqual(options, {
      filter: {
        pids: [1, 2, 3],
        comms: ['nginx', 'envoy'],
        uids: [0, 33],
        netns: [statSync('/proc/self/ns/net').ino],
        cgroupIds: [77],
        ports: [{ from: 80, to: 80 }],
        localPorts: [
          { from: 8000, to: 8999 },
          { from: 22, to: 22 },
        ],
        peerPorts: [{ from: 443, to: 443 }],
        addresses: ['10.0.0.0/8'],
        localAddresses: ['::1'],
        peerAddresses: ['192.0.2.1', '2001:db8::/32'],
        direction: 'inbound',
        events: ['accept', 'close', 'fail'],
      },
    });
  });

  it('become the options of the tracer itself', async () => {
    assert.deepEqual(await optionsOf('--ring-size', '32M', '--max-connections', '1000', '--prompt-close'), {
      ringBytes: 33_554_432,
      maxConnections: 1000,
      promptClose: true,
    });
  });

  it('switch protocols on and off', async () => {
    assert.deepEqual(await optionsOf('--udp'), { udp: true });
    assert.deepEqual(await optionsOf('--udp-idle', '2s'), { udp: { idleMs: 2000 } });
    assert.deepEqual(await optionsOf('--udp', '--no-tcp', '--no-ipv6'), {
      udp: true,
      tcp: false,
      ipv6: false,
    });
    assert.deepEqual(await optionsOf('-e', 'udp_flow'), { filter: { events: ['udp_flow'] }, udp: true });
    assert.deepEqual(await optionsOf('--no-tcp', '--watch-fds', '1'), { tcp: false });
    const events = ['connect', 'accept', 'close'];
    const asTcptracer = await optionsOf('--format', 'tcptracer', '--udp');
    assert.deepEqual(asTcptracer, { filter: { events }, promptClose: true, udp: true });
  });

  it('are refused if they leave nothing to trace', async () => {
    const stderr = new Capture();
    const code = await runCommandLine(
      ['trace', '--no-tcp'],
      {
        stdout: new Capture(),
        stderr,
        env: {},
        signals: process,
        exit: () => assert.fail('exit'),
        loadTracer: async () => new FakeFactory({ batches: [], ends: true }),
      },
      lazyCommands,
    );
    assert.deepEqual([code, stderr.text], [2, 'weir: --no-tcp leaves nothing to trace: --udp adds UDP\n']);
  });

  it('limit --format tcptracer to the events that tcptracer-bpf prints', async () => {
    const events = ['connect', 'accept', 'close'];
    assert.deepEqual(await optionsOf('--format', 'tcptracer'), { filter: { events }, promptClose: true });
    assert.deepEqual(await optionsOf('--format', 'tcptracer', '-e', 'accept', '-p', '1'), {
      filter: { events: ['accept'], pids: [1] },
      promptClose: true,
    });
    assert.deepEqual(await optionsOf('--format', 'json'), {});
  });

  it('name the processes whose descriptors are watched, each once', async () => {
    const watched = async (...args: string[]) => [...(await factoryOf(...args)).tracer.watched];
    assert.deepEqual(await watched(), []);
    assert.deepEqual(
      await watched('--watch-fds', '1,2', '--watch-fds=3', '--monitor-fdinstall-pids', '2,,4'),
      [1, 2, 3, 4],
    );
    assert.deepEqual(await watched('--monitor-fdinstall-pids', ''), []);
  });
});
