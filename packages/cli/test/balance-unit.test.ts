/** The systemd unit of docs/balance.md. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'weir-unit-'));
after(() => rmSync(folder, { recursive: true }));

const page = readFileSync(new URL('../../../../docs/balance.md', import.meta.url), 'utf8');
const [, unit = ''] = /```ini\n(\[Unit\]\n.*?)```/s.exec(page) ?? [];

test('the unit waits for the network, and is restarted without a limit but not for a wrong file', () => {
  for (const line of [
    'Wants=network-online.target',
    'After=network-online.target',
    'StartLimitIntervalSec=0',
    'Restart=on-failure',
    'RestartPreventExitStatus=2',
  ]) {
    assert.ok(unit.split('\n').includes(line), line);
  }
});

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

test('systemd accepts the unit', { skip: hasSystemd ? false : 'systemd-analyze is not here' }, () => {
  const path = join(folder, 'weir-balance.service');
  // The program is not installed here, and systemd looks for it.
  writeFileSync(path, unit.replaceAll('/usr/bin/weir', '/bin/true'));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
  const own = stderr.split('\n').filter((line) => line.includes('weir-balance'));
  assert.deepEqual([status, own], [0, []]);
  writeFileSync(path, unit.replace('RestartSec=2s', 'RestartSec=soon'));
  assert.match(
    spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' }).stderr,
    /Failed to parse/,
  );
});
