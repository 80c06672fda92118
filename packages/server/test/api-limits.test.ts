import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { InterruptedError } from '@weir/history';
import { AnswerBudget } from '../src/api/answer-budget.js';
import { QueryGate } from '../src/api/query-gate.js';
import { problemOf, startApi } from './support/api.js';
import { answerOf, fakeHistory } from './support/fake-history.js';

/** A history whose questions end when they are aborted, or let go. */
function slowHistory() {
  const running: AbortSignal[] = [];
  let letGo = () => {};
  const gone = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const { history } = fakeHistory({
    losses: async (_range, { signal }) => {
      running.push(signal!);
      await Promise.race([
        gone,
        new Promise((_, reject) => {
          signal!.addEventListener('abort', () => reject(new InterruptedError('interrupted')));
        }),
      ]);
      return answerOf(null);
    },
  });
  return { history, running, letGo: () => letGo() };
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !condition(); await sleep(10))
    assert.ok(Date.now() < deadline, 'it did not happen in time');
}

describe('a query', () => {
  it('ends when its client goes away', async () => {
    const { history, running } = slowHistory();
    await using api = await startApi({ history });
    const abort = new AbortController();
    const answer = api.get('/losses', { signal: abort.signal }).catch(() => 'aborted');
    await until(() => running.length === 1);
    assert.ok(!running[0]!.aborted);
    abort.abort();
    assert.equal(await answer, 'aborted');
    await until(() => running[0]!.aborted);
  });

  it('ends when its client vanishes without a word', async () => {
    const { history, running } = slowHistory();
    await using api = await startApi({ history });
    const socket = connect({ port: api.server.addresses[0]!.port, host: '127.0.0.1' });
    socket.write('GET /api/v1/losses HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await until(() => running.length === 1);
    socket.resetAndDestroy();
    await until(() => running[0]!.aborted);
  });

  it('that takes too long is ended, and the answer says so', async () => {
    const { history } = slowHistory();
    await using api = await startApi({ history, limits: { timeMs: 50 } });
    const response = await api.get('/losses');
    assert.equal(response.status, 504);
    const { kind, detail } = await problemOf(response);
    assert.equal(kind, 'timeout');
    assert.match(detail, /longer than 50 ms/);
  });

  it('that cannot be interrupted is answered all the same, and is reported when it goes on for long', async () => {
    let reports = 0;
    let asked = 0;
    const { history } = fakeHistory({
      losses: () => new Promise(() => asked++),
      hosts: async () => {
        await sleep(200);
        throw new InterruptedError('interrupted');
      },
    });
    const onStuck = () => reports++;
    await using api = await startApi({ history, limits: { timeMs: 50, queries: 1, waiting: 1 }, onStuck });
    const late = await api.get('/hosts');
    assert.equal(late.status, 504);
    assert.equal((await problemOf(late)).kind, 'timeout');
    await sleep(400);
    assert.equal(reports, 0, 'it ended soon after');
    assert.equal((await api.get('/losses')).status, 504);
    await until(() => reports === 1);
    assert.equal((await api.get('/losses')).status, 504);
    assert.equal(asked, 1, 'it keeps its place');
  });

  it('waits where others run, and is refused where others wait', async () => {
    const { history, running, letGo } = slowHistory();
    await using api = await startApi({ history, limits: { queries: 2, waiting: 1 } });
    const answers = [api.get('/losses'), api.get('/losses')];
    await until(() => running.length === 2);
    const impatient = [new AbortController(), new AbortController()].map((abort) => ({
      abort,
      answer: api.get('/losses', { signal: abort.signal }).catch(() => undefined),
    }));
    // Whichever comes first waits.
    const refused = await Promise.race(impatient.map((one) => one.answer.then(() => one)));
    assert.equal((await problemOf((await refused.answer)!)).kind, 'busy');
    assert.equal((await api.get('/health')).status, 200);
    const [waited] = impatient.filter((one) => one !== refused);
    waited!.abort.abort();
    assert.equal(await waited!.answer, undefined);
    // Its place is free once the server has seen it go.
    let waiting: Promise<Response>;
    do waiting = api.get('/losses');
    while ((await Promise.race([waiting, sleep(300)])) !== undefined);
    assert.equal(running.length, 2);
    letGo();
    for (const answer of [...answers, waiting]) assert.equal((await answer).status, 200);
  });
});

describe('the gate before queries', () => {
  it('never lets more run than it may, and lets all run in the end', async () => {
    const gate = new QueryGate({ queries: 3, waiting: 100 });
    let running = 0;
    let most = 0;
    const query = async () => {
      most = Math.max(most, ++running);
      await sleep(1);
      running--;
    };
    const never = new AbortController().signal;
    await Promise.all(Array.from({ length: 50 }, () => gate.run(never, query)));
    assert.equal(most, 3);
    assert.equal(gate.running, 0);
  });

  it('gives the place of one that fails, or is aborted, to the next', async () => {
    const gate = new QueryGate({ queries: 1, waiting: 10 });
    const never = new AbortController().signal;
    const fails = async () => {
      await sleep(5);
      throw new Error('no');
    };
    const first = gate.run(never, fails);
    const abort = new AbortController();
    const second = gate.run(abort.signal, async () => 'second');
    const third = gate.run(never, async () => 'third');
    abort.abort(new Error('gone'));
    await assert.rejects(second, { message: 'gone' });
    await assert.rejects(first, { message: 'no' });
    assert.equal(await third, 'third');
    assert.equal(gate.running, 0);
  });
});

describe('answers that nobody reads', () => {
  it('are bounded, and small ones do not count', () => {
    const budget = new AnswerBudget(1_000_000);
    const first = budget.reserve(600_000);
    const second = budget.reserve(400_000);
    assert.throws(() => budget.reserve(100_000), { name: 'ProblemError', kind: 'busy' });
    budget.reserve(1000);
    first();
    first();
    budget.reserve(600_000);
    second();
    assert.throws(() => budget.reserve(700_000), { kind: 'busy' });
  });

  it('may be one that is longer than all of them together', () => {
    const release = new AnswerBudget(100_000).reserve(5_000_000);
    release();
  });
});

describe('TLS', () => {
  it('is spoken with the certificate of the moment', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-tls-'));
    try {
      const make = (name: string) => {
        const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
        const subject = ['-subj', `/CN=${name}`, '-days', '1', '-keyout', key, '-out', cert];
        const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
        execFileSync('openssl', ['req', '-x509', ...kind, ...subject], { stdio: 'pipe' });
        return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
      };
      await using api = await startApi({ history: fakeHistory().history, tls: make('first') });
      const get = () =>
        new Promise<{ name: string; hsts: string | undefined }>((resolve, reject) => {
          const sent = request(
            `${api.origin}/api/v1/health`,
            { rejectUnauthorized: false, agent: false },
            (response) => {
              const { subject } = (response.socket as TLSSocket).getPeerCertificate();
              resolve({ name: String(subject.CN), hsts: response.headers['strict-transport-security'] });
              response.resume();
            },
          );
          sent.on('error', reject).end();
        });
      assert.deepEqual(await get(), { name: 'first', hsts: 'max-age=15552000' });
      api.server.setTls(make('second'));
      assert.equal((await get()).name, 'second');
      assert.throws(() => api.server.setTls({ cert: 'x', key: 'y' }));
      assert.equal((await get()).name, 'second');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
