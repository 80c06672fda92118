/** The lines of `--format tcptracer`, letter by letter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tcptracerAcknowledgement, tcptracerLine } from '../src/text/tcptracer.js';
import { accept, close, connect, fail, fdInstall, lost, shortIpv6 } from './support/records.js';

/** What tests/run of weaveworks/tcptracer-bpf looks for in the sample's output, with any command name. */
const expectedByScripts =
  /^[0-9]+ cpu#[0-9] ([a-z]+) [0-9]+ \S+ (127.0.0.1:[0-9]+) (127.0.0.1:[0-9]+) [0-9]+$/;

describe('lines as tcptracer-bpf prints them', () => {
  it('have the time, CPU, type, process, ends and namespace of a connection', () => {
    assert.equal(
      tcptracerLine(connect()),
      '1234567890 cpu#1 connect 4242 curl 10.0.0.5:40000 192.0.2.1:443 4026531840\n',
    );
    assert.equal(
      tcptracerLine(accept({ cpu: 12, process: { pid: 7, tid: 9, comm: 'nginx: worker', uid: 33 } })),
      '1234567890 cpu#12 accept 7 nginx: worker 10.0.0.5:40000 192.0.2.1:443 4026531840\n',
    );
    assert.equal(
      tcptracerLine(close({ monotonic_ns: 48_704_147_610_580 })),
      '48704147610580 cpu#1 close 4242 curl 10.0.0.5:40000 192.0.2.1:443 4026531840\n',
    );
    const local = { address: '127.0.0.1', port: 61_111 };
    assert.match(tcptracerLine(connect({ local, peer: local })).trimEnd(), expectedByScripts);
  });

  it('have IPv6 addresses without brackets', () => {
    assert.equal(
      tcptracerLine(connect(shortIpv6)),
      '1234567890 cpu#1 connect 4242 curl ::1:54321 2001:db8::a:b:c:d:443 4026531840\n',
    );
  });

  it('have the descriptor of an fdinstall', () => {
    assert.equal(tcptracerLine(fdInstall()), '1234567890 cpu#1 fdinstall 4242 curl 12\n');
  });

  it('are none for events that tcptracer-bpf does not print', () => {
    assert.equal(tcptracerLine(fail()), '');
    assert.equal(tcptracerLine(lost()), '');
  });

  it('acknowledge a watched process', () => {
    assert.equal(tcptracerAcknowledgement(42), 'Monitor fdinstall events for pid 42\n');
  });

  it('stay one line whatever the command name', () => {
    const named = (comm: string) => tcptracerLine(fdInstall({ process: { pid: 1, tid: 1, comm, uid: 0 } }));
    assert.equal(named('a\nb\x1b[2J\udcff'), '1234567890 cpu#1 fdinstall 1 a\\nb\\x1b[2J\\xff 12\n');
    assert.equal(named('back\\slash'), '1234567890 cpu#1 fdinstall 1 back\\slash 12\n');
  });

  it('have a process of 0 where none is known', () => {
    const { process: _, ...rest } = close();
    assert.equal(tcptracerLine(rest), '1234567890 cpu#1 close 0 - 10.0.0.5:40000 192.0.2.1:443 4026531840\n');
  });
});
