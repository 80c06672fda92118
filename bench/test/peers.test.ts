/** The peer bench: how its tools are chosen and started, and how their kernel time is compared. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openInput } from '../src/driver/input.js';
import type { CostSample } from '../src/plan.js';
import { kernelRatios } from '../src/table.js';
import { chooseTools } from '../src/tools.js';

function names(wanted: readonly string[], bcc = false): string[] {
  return chooseTools('weir.js', wanted, bcc).map(({ name }) => name);
}

describe('the tools of the peer bench', () => {
  it('are chosen by a whole name, else by a part', () => {
    assert.deepEqual(names(['weir trace', 'tcptracer'], true), ['weir trace', 'tcptracer']);
    assert.deepEqual(names(['weir']), ['weir trace --json', 'weir trace']);
    assert.deepEqual(names(['bcc'], true), ['bcc tcptracer', 'bcc tcplife', 'bcc tcpconnect']);
    assert.deepEqual(names(['bcc']), []);
  });

  it('wait for keys at a standard input that does not end', async () => {
    const tool = spawn('head', ['-c', '1'], { stdio: [openInput, 'ignore', 'ignore'] });
    const ended = once(tool, 'exit').then(() => 'ended');
    assert.equal(await Promise.race([ended, sleep(300, 'waits')]), 'waits');
    tool.kill();
    await ended;
  });
});

describe('the kernel time of the first tool over that of another', () => {
  const tools = chooseTools('weir.js', ['weir trace', 'tcptracer'], false);
  const cost = (round: number, tool: string, kernelNs: number): CostSample => ({
    ...{ kind: 'cost', round, tool, kernelNs, loadSeconds: 1 },
  });

  it('is compared within a round, for each order on its own', () => {
    const samples = [
      ...[cost(0, 'weir trace', 40), cost(0, 'tcptracer', 100)],
      ...[cost(1, 'tcptracer', 1000), cost(1, 'weir trace', 500)],
      ...[cost(2, 'weir trace', 60), cost(2, 'tcptracer', 100)],
    ];
    assert.equal(
      kernelRatios(tools, samples).split('\n')[2],
      '| tcptracer | 3 | 0.50 | 0.40 | 0.60 | 0.50 | 0.50 |',
    );
  });

  it('is left out where a round lacks one of them, and where there is no other', () => {
    const samples = [cost(0, 'weir trace', 40), cost(1, 'tcptracer', 100)];
    assert.equal(kernelRatios(tools, samples).split('\n')[2], '| tcptracer | 0 | – | – | – | – | – |');
    assert.equal(kernelRatios(tools.slice(0, 1), samples), '');
  });
});
