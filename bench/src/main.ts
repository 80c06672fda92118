/** `npm run bench -w @weir/bench`: measures, prints Markdown, saves every sample. */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchInGuest, benchNatively, type Request, type Result } from './peer-bench.js';
import type { Sample } from './plan.js';
import { kernelRatios, table } from './table.js';

const usage = `npm run bench -w @weir/bench -- [OPTION]...

  --part guest|native|host|all   all tools in a guest; those that run on this machine's own kernel, there; what
                          only concerns Weir and this machine; or all of it (all)
  --part history|serve|clickhouse   a month of connections; weir serve under load; many hosts in ClickHouse.
                          Only where asked for
  --part ffi              a system call through koffi and through Node's own foreign functions, where Node.js has them
  --part ebpf             the eBPF library beside libbpf and cilium/ebpf, on this machine. Only where asked for
  --part balance|balance-native   Weir's balancer beside IPVS, nftables, HAProxy and nginx, in a guest or on this machine.
                          Only where asked for
  --kernel NAME           the guest's kernel, by its name in the lab (6.12)
  --smp N                 virtual CPUs of the guest (1)
  --rounds N              rounds; each measures every tool (5)
  --connections N         connections of one measured load (2000 in a guest, 20000 on this machine)
  --rate-rounds N         rounds of the search for the highest rate without loss; 0 leaves it out (3)
  --rate-seconds N        seconds of each of its steps (3)
  --no-starts             leave out the time from start to the first event
  --bcc                   also the tools of bcc, of bpfcc-tools; in a guest, they need a kernel of Debian 12 (6.1)
  --tools TEXT            only the tool of this name, else tools whose name contains TEXT; may be repeated
  --json FILE             save all samples

  history:
  --connections N         connections of the history (10000000)
  --days N                days that they are spread over (30)
  --peer-days N           the last days, whose rows other databases get, too; 0 leaves them out (6)
  --rounds N              times that each question is asked (20; a sixth of that, other databases)

  clickhouse:
  --connections N         connections between hosts (10000000)
  --hosts N               hosts (100)
  --hours N               hours that the connections are spread over (24)

  balance:
  --rounds N              rounds; each measures every balancer (3)
  --seconds N             seconds of each load (10)
  --connections N         connections that are open while a real is added, and while it is removed (200)
  --tools TEXT            only balancers whose name contains TEXT; may be repeated

  serve:
  --seconds N             seconds of each load (60)
  --rate N                connections a second; may be repeated (1000 and 10000)
`;

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} ${text}: want a whole number`);
  return value;
}

function progress(sample: Sample): void {
  process.stderr.write(`${JSON.stringify(sample)}\n`);
}

function show(title: string, { plan, samples }: Result): void {
  process.stdout.write(
    `## ${title}\n\n${table(plan.tools, samples)}\n${kernelRatios(plan.tools, samples)}\n`,
  );
  for (const sample of samples) {
    if (sample.kind === 'failure') process.stdout.write(`Not measured: ${sample.message.split('\n')[0]}\n\n`);
  }
}

const { values } = parseArgs({
  options: {
    part: { type: 'string', default: 'all' },
    kernel: { type: 'string', default: '6.12' },
    smp: { type: 'string', default: '1' },
    rounds: { type: 'string' },
    days: { type: 'string', default: '30' },
    'peer-days': { type: 'string', default: '6' },
    hosts: { type: 'string', default: '100' },
    hours: { type: 'string', default: '24' },
    seconds: { type: 'string' },
    rate: { type: 'string', multiple: true, default: ['1000', '10000'] },
    connections: { type: 'string' },
    'rate-rounds': { type: 'string', default: '3' },
    'rate-seconds': { type: 'string', default: '3' },
    'no-starts': { type: 'boolean', default: false },
    bcc: { type: 'boolean', default: false },
    tools: { type: 'string', multiple: true, default: [''] },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const parts = values.part === 'all' ? ['guest', 'native', 'host'] : [values.part];

function request(connections: string): Request {
  return {
    names: values.tools,
    bcc: values.bcc,
    starts: !values['no-starts'],
    rounds: whole('rounds', values.rounds ?? '5'),
    connections: whole('connections', values.connections ?? connections),
    rateRounds: whole('rate-rounds', values['rate-rounds']),
    rateSeconds: whole('rate-seconds', values['rate-seconds']),
    onSample: progress,
  };
}

// An exit in order ends the guest; a signal alone would leave it behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const machine = { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version };
const report: Record<string, unknown> = { machine };
if (parts.includes('guest')) {
  const smp = whole('smp', values.smp);
  const result = await benchInGuest(request('2000'), values.kernel, smp);
  report.guest = { smp, ...result };
  show(`Linux ${result.release} in a guest`, result);
}
if (parts.includes('native')) {
  const result = await benchNatively(request('20000'));
  report.native = result;
  show(`Linux ${result.release} on this machine`, result);
}
if (parts.includes('host')) {
  // The only part that loads the tracer into this process.
  const { benchOnHost, hostTable } = await import('./host-bench.js');
  const host = await benchOnHost();
  report.host = host;
  process.stdout.write(`## Weir alone, Linux ${host.release} on this machine\n\n${hostTable(host)}\n`);
}
const onProgress = (text: string) => process.stderr.write(`${text}\n`);
if (parts.includes('history')) {
  const { benchHistory } = await import('./history/history-bench.js');
  const { historyTable } = await import('./history/history-table.js');
  const repeats = whole('rounds', values.rounds ?? '20');
  const result = await benchHistory({
    connections: whole('connections', values.connections ?? '10000000'),
    days: whole('days', values.days),
    peerDays: whole('peer-days', values['peer-days']),
    repeats,
    peerRepeats: Math.ceil(repeats / 6),
    onProgress,
  });
  report.history = result;
  process.stdout.write(`## A month of connections\n\n${historyTable(result)}\n`);
}
if (parts.includes('clickhouse')) {
  const { benchClickhouse } = await import('./clickhouse/clickhouse-bench.js');
  const { clickhouseTable } = await import('./clickhouse/clickhouse-table.js');
  const result = await benchClickhouse({
    connections: whole('connections', values.connections ?? '10000000'),
    hosts: whole('hosts', values.hosts),
    hours: whole('hours', values.hours),
    onProgress,
  });
  report.clickhouse = result;
  process.stdout.write(`## Many hosts in ClickHouse\n\n${clickhouseTable(result)}\n`);
}
if (parts.includes('balance') || parts.includes('balance-native')) {
  const { balanceInGuest, balanceNatively } = await import('./balance/balance-bench.js');
  const { balanceTable } = await import('./balance/balance-table.js');
  const plan = {
    rounds: whole('rounds', values.rounds ?? '3'),
    seconds: whole('seconds', values.seconds ?? '10'),
    held: whole('connections', values.connections ?? '200'),
    names: values.tools,
  };
  const result = parts.includes('balance')
    ? await balanceInGuest(plan, values.kernel, onProgress)
    : await balanceNatively(plan, onProgress);
  report.balance = result;
  process.stdout.write(`## Balancers, Linux ${result.release}\n\n${balanceTable(result.samples)}\n`);
}
if (parts.includes('serve')) {
  const { benchServe } = await import('./serve/serve-bench.js');
  const { serveTable } = await import('./serve/serve-table.js');
  const rates = values.rate.map((rate) => whole('rate', rate));
  const samples = await benchServe({ seconds: whole('seconds', values.seconds ?? '60'), rates, onProgress });
  report.serve = samples;
  process.stdout.write(`## weir serve under load\n\n${serveTable(samples)}\n`);
}
if (parts.includes('ebpf')) {
  const { benchLoaders } = await import('./ebpf/loader-bench.js');
  const { loaderTable } = await import('./ebpf/loader-table.js');
  const result = benchLoaders(whole('rounds', values.rounds ?? '5'), onProgress);
  report.ebpf = result;
  process.stdout.write(`## eBPF libraries, Linux ${result.release}\n\n${loaderTable(result)}\n`);
}
if (parts.includes('ffi')) {
  const { benchFfi, ffiTable } = await import('./ffi/ffi-bench.js');
  const result = await benchFfi();
  report.ffi = result;
  process.stdout.write(`## System calls from Node.js ${result.node}\n\n${ffiTable(result)}\n`);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
