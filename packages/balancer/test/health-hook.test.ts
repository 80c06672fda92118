/** The command that is run when a VIP's state changes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Hook } from '../src/announce/hook.js';
import type { ServiceHealth } from '../src/health/checked-services.js';

const folder = mkdtempSync(join(tmpdir(), 'weir-hook-'));
after(() => rmSync(folder, { recursive: true }));
const log = join(folder, 'log');

function health(state: ServiceHealth['state'], up: number): ServiceHealth {
  return { service: { address: '2001:db8::1', port: 443, protocol: 'tcp' }, state, up, reals: [] };
}

function hook(script: string, failures: string[] = [], timeout?: number): Hook {
  return new Hook({
    command: ['/bin/sh', '-c', script, 'sh', `$HOME \`id\``],
    onFailure: (message) => failures.push(message),
    ...(timeout === undefined ? {} : { timeout }),
  });
}

describe('the command', () => {
  it('the command receives VIP and state in its environment, and its arguments unchanged', async () => {
    const reporting = hook(
      `echo "$WEIR_VIP $WEIR_PORT $WEIR_PROTOCOL $WEIR_STATE $WEIR_REALS_UP $1" > ${log}`,
    );
    reporting.report(health('up', 2));
    await reporting.idle();
    assert.equal(readFileSync(log, 'utf8'), '2001:db8::1 443 tcp up 2 $HOME `id`\n');
  });

  it('one command runs at a time, the last with the newest state', async () => {
    rmSync(log, { force: true });
    const slow = hook(`echo begin $WEIR_STATE >> ${log}; sleep 0.1; echo end >> ${log}`);
    for (const state of ['up', 'down', 'up', 'down'] as const) slow.report(health(state, 0));
    await slow.idle();
    assert.equal(readFileSync(log, 'utf8'), 'begin up\nend\nbegin down\nend\n');
  });

  it('the command is not run for a change that was reverted during a run', async () => {
    rmSync(log, { force: true });
    const slow = hook(`echo $WEIR_STATE >> ${log}; sleep 0.1`);
    for (const state of ['up', 'down', 'up'] as const) slow.report(health(state, 0));
    await slow.idle();
    assert.equal(readFileSync(log, 'utf8'), 'up\n');
  });

  it('a failure of the command is reported with its reason', async () => {
    const failures: string[] = [];
    const failing = hook('exit 3', failures);
    failing.report(health('up', 1));
    await failing.idle();
    const hanging = hook('exec sleep 60', failures, 0.05);
    hanging.report(health('up', 1));
    await hanging.idle();
    const missing = new Hook({
      command: ['/no/such/program'],
      onFailure: (message) => failures.push(message),
    });
    missing.report(health('up', 1));
    await missing.idle();
    assert.match(failures[0]!, /exit status 3/);
    assert.match(failures[1]!, /SIGKILL/);
    assert.match(failures[2]!, /ENOENT/);
  });
});
