/** What `weir` says where /proc is not mounted. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostReport } from '@weir/tracer';
import { onlyLine, runWeir } from './support/command.js';
import { behindFilter } from './support/seccomp.js';

const trace = ['trace', '--port', '1', '--duration', '100ms'];
const top = ['top', '--once', '--filter', 'port:1'];

describe('weir without procfs', () => {
  const withoutProcfs = ['unshare', '-m', 'sh', '-c', 'umount -l /proc && exec "$@"', 'sh'];

  it('names the filter behind which it runs', async () => {
    const { status, stderr } = await runWeir(trace, [...withoutProcfs, ...behindFilter('bpf=ENOSYS')]);
    assert.equal(status, 1, stderr);
    const line = onlyLine(stderr);
    assert.match(line, /^bpf\(2\) fails with ENOSYS: a seccomp filter may forbid it: run it outside/);
  });

  it('says that it is not known whose process ids it shows', async () => {
    const { stdout, stderr } = await runWeir(['doctor', '--json'], withoutProcfs);
    assert.equal(stderr, '');
    const { hooks } = JSON.parse(stdout) as HostReport;
    assert.match(
      hooks[0]?.partial?.what ?? '',
      /^process ids are those of the host; .* is not known without \/proc$/,
    );
    const { stderr: said } = await runWeir([...trace, '--enrich'], withoutProcfs);
    assert.match(said, /no details of processes: \/proc does not show this process; mount procfs there/);
    assert.doesNotMatch(said, /pid namespace of the host|initial pid namespace/);
  });

  it('shows nothing as absent that it cannot find out', async () => {
    const { stdout } = await runWeir(['doctor', '--json'], withoutProcfs);
    const { hooks } = JSON.parse(stdout) as HostReport;
    const stateOf = (name: string) =>
      hooks.flatMap(({ candidates }) => candidates).find((candidate) => candidate.name === name)?.state;
    assert.notEqual(stateOf('tracepoint:sock/inet_sock_set_state'), 'absent');
    assert.notEqual(stateOf('cgroup_skb'), 'absent');
  });

  it('traces on after its start is over, and names procfs where live connections need it', async () => {
    const traced = await runWeir(['trace', '--port', '1', '--duration', '1s'], withoutProcfs);
    assert.equal(traced.status, 0, traced.stderr);
    const { status, stderr } = await runWeir(top, withoutProcfs);
    assert.equal(status, 1, stderr);
    assert.match(
      onlyLine(stderr),
      /^\/proc does not show this process, .*: mount procfs there \(mount -t proc/,
    );
  });
});
