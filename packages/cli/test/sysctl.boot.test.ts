/**
 * kernel.unprivileged_bpf_disabled, in a guest: it takes bpf(2) away from processes without CAP_BPF, and must neither
 * matter to those that have the capabilities nor hide from others what they lack. 1 cannot be taken back.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const lab = fileURLToPath(new URL('../../../../lab/dist/src/main.js', import.meta.url));

const script = `
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="$1" --ambient-caps="$1" \
  node packages/cli/bin/weir.js trace --duration 200ms 2>&1 >/dev/null; echo "status $?"; }
for value in 0 2 1; do
  echo $value >/proc/sys/kernel/unprivileged_bpf_disabled
  echo "sysctl $(cat /proc/sys/kernel/unprivileged_bpf_disabled)"
  nobody -all
  nobody -all,+bpf,+perfmon
done`;

it('one clear line, or none, whatever its value', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [lab, 'run', '6.12', '--', script], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const [, ...parts] = stdout.replaceAll('\r', '').split(/^sysctl /m);
  const refused = 'weir: this process lacks CAP_BPF and CAP_PERFMON: .*\nstatus 1\n';
  // The guest's output is a terminal, so that the command says when it traces.
  const traced = 'weir: tracing .*\nweir: \\d+ events? in .*; none lost\nstatus 0\n';
  for (const [index, value] of ['0', '2', '1'].entries()) {
    assert.match(parts[index] ?? '', new RegExp(`^${value}\n${refused}${traced}\\s*$`), stdout);
  }
});
