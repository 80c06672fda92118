/** The tools that trace: each sees what this process does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { features } from '@weir/ebpf';
import { biolatency } from '../ebpf/biolatency/biolatency.js';
import { execsnoop } from '../ebpf/execsnoop/execsnoop.js';
import { exitsnoop } from '../ebpf/exitsnoop/exitsnoop.js';
import { opensnoop } from '../ebpf/opensnoop/opensnoop.js';
import { profile } from '../ebpf/profile/profile.js';
import { runqlat } from '../ebpf/runqlat/runqlat.js';
import { softirqs } from '../ebpf/softirqs/softirqs.js';
import { tcpconnlat } from '../ebpf/tcpconnlat/tcpconnlat.js';
import { tcplife } from '../ebpf/tcplife/tcplife.js';
import { vfsstat } from '../ebpf/vfsstat/vfsstat.js';
import { enterOwnNetns, exchange, refused } from './support/exchange.js';
import { findLine } from './support/lines.js';
import { LoopDevice } from './support/loop-device.js';

assert.equal(process.getuid?.(), 0, 'files named *.root.test.ts need root');

const { pid } = process;
const seconds = 0.05;
let netns = 0;

before(() => {
  netns = enterOwnNetns();
});

async function shell(script: string): Promise<number> {
  const child = spawn('sh', ['-c', script], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid!;
}

describe('the tool', () => {
  it('execsnoop prints programs with their arguments', async () => {
    const line = new RegExp(`^ *(\\d+) +${pid} +0 sh -c exit 7 # two  spaces$`);
    await findLine(execsnoop({ parent: pid }), line, () => shell('exit 7 # two  spaces'));
  });

  it('exitsnoop prints how processes end', async () => {
    const ended = (how: string) => new RegExp(`^sh +(\\d+) +${pid} +\\d+\\.\\d{3} ${how}$`);
    await findLine(exitsnoop({ parent: pid }), ended('code 7'), () => shell('exit 7'));
    await findLine(exitsnoop({ parent: pid }), ended('signal 10'), () => shell('kill -USR1 $$'));
  });

  it('opensnoop prints files that are opened and those that are not there', async () => {
    await findLine(opensnoop({ pid }), / +(\d+) \/proc\/self\/cmdline$/, () => {
      const descriptor = openSync('/proc/self/cmdline', 'r');
      closeSync(descriptor);
      return descriptor;
    });
    await findLine(opensnoop({ pid }), / ENOENT \/no\/such\/file$/, () =>
      assert.throws(() => openSync('/no/such/file', 'r'), /ENOENT/),
    );
  });

  it('biolatency counts requests to a disk', async () => {
    using disk = new LoopDevice();
    const { major, minor } = disk;
    await findLine(biolatency({ major, minor, seconds }), /^ +\d+ \d+ +[1-9]\d* {2}\*+$/, () => disk.write());
  });

  it('tcplife prints connections with what they moved', async () => {
    const line = new RegExp(`^\\S+ +${pid} \\S+:[1-9]\\d+ +\\S+:(\\d+) +77 +1234 +\\d+\\.\\d{3}$`);
    for (const host of ['127.0.0.1', '::1'])
      await findLine(tcplife({ netns }), line, () => exchange(host, 77, 1234));
  });

  it('tcpconnlat prints how long connections take that are accepted or refused', async () => {
    const line = (outcome: string) =>
      new RegExp(`^\\S+ +${pid} 127\\.0\\.0\\.1:(\\d+) +${outcome} +\\d+\\.\\d{3}$`);
    await findLine(tcpconnlat({ netns }), line('connected'), () => exchange('127.0.0.1', 1, 1));
    await findLine(tcpconnlat({ netns }), line('failed'), () => refused('127.0.0.1'));
  });

  it('runqlat counts how long threads wait for a CPU', async () => {
    await findLine(runqlat({ pid, seconds }), /^ +\d+ \d+ +[1-9]\d* {2}\*+$/, () => {});
  });

  it('profile prints stacks of the kernel by name', async () => {
    const busy = () => {
      for (const end = performance.now() + 10; performance.now() < end; ) readFileSync('/proc/self/maps');
    };
    const options = { pid, frequency: 199, seconds: 0.01 };
    await findLine(profile(options), /^ {2}kernel {2}vfs_read$/, busy);
    await findLine(profile(options), new RegExp(`^[1-9]\\d* x \\S+ ${pid}$`), busy);
    await findLine(profile(options), /^ {2}process 0x[1-9a-f][0-9a-f]+$/, busy);
  });

  it('softirqs counts soft interrupts', async () => {
    await findLine(softirqs({ seconds }), /^NET_RX +[1-9]\d* +\d+\.\d{3}$/, async () => {
      await exchange('127.0.0.1', 1, 1);
    });
  });

  it('vfsstat counts calls of file systems, or says why it cannot', async () => {
    if (!features.has('fentry')) {
      await assert.rejects(vfsstat().next(), /fentry|trampoline/);
      return;
    }
    let opened = 0;
    const [, reads, opens] = await findLine(
      vfsstat({ pid, seconds }),
      /^ *([1-9]\d*) +\d+ +\d+ +([1-9]\d*) +\d+$/,
      () => {
        readFileSync('/proc/self/comm');
        opened++;
      },
    );
    assert.ok(Number(reads) >= opened && Number(opens) >= opened);
  });
});
