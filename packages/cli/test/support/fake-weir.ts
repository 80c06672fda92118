/**
 * The `weir` command with a tracer that needs no kernel, for tests of a real process. FAKE_BATCHES says how many
 * batches of ten records it delivers before it waits.
 */
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { lazyCommands } from '../../src/entries/lazy-commands.js';
import { runProcess } from '../../src/entries/standard-host.js';
import { writeLastWords } from '../../src/output/standard-streams.js';
import { FakeFactory } from './fake-tracer.js';
import { connect } from './records.js';

createRequire(import.meta.url)('../../../bin/ignored-hangup.js').keepIgnored();
setFlagsFromString('--max-old-space-size=64');
const count = Number(process.env.FAKE_BATCHES ?? '1');

function* batches() {
  for (let index = 0; index < count; index++) yield Array.from({ length: 10 }, () => connect({ cpu: index }));
}

const factory = new FakeFactory({ batches: batches(), remaining: [connect({ cpu: 999_999 })] });
await runProcess(async () => factory, lazyCommands);
writeLastWords(`taken ${factory.tracer.taken} stops ${factory.tracer.stops}\n`);
