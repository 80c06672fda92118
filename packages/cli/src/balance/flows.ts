/** `weir balance flows`: lists, counts and removes known flows. */

import type { BalancerClient, FlowLine, FlowsEnd, NamedFlow } from '@weir/balancer/control';
import { escapeJson } from '@weir/tracer/escape';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { formatEndpoint } from '../text/endpoint.js';
import { escapeText } from '../text/escape.js';
import { formatCount, formatDuration } from '../text/units.js';
import { analysisText } from './flows-analysis.js';
import { realLabel } from './labels.js';
import { endpoint } from './lookup.js';
import type { BalanceRequest, FlowsFlags } from './requests.js';
import { ask } from './running-balancer.js';

type Request = Extract<BalanceRequest, { readonly command: 'flows' }>;

/** Lines of text that are written at a time. */
const LINES_AT_A_TIME = 500;

export async function flows(request: Request, host: RunHost, stdout: Output): Promise<ExitCode> {
  checkUse(request);
  const { action, operands, flags } = request;
  await ask(flags, async (client) => {
    switch (action) {
      case 'list':
        return await list(client, flags, host, stdout);
      case 'analyse':
        return await analyse(client, flags, host, stdout);
      case 'delete':
        return await deleteOne(client, operands, flags, stdout);
      case 'purge':
        return await purge(client, operands, flags, host, stdout);
    }
  });
  return ExitCode.ok;
}

const filters = ['vip', 'real', 'source', 'protocol', 'older', 'younger', 'limit'] as const;

/** What each action takes. */
const uses = {
  list: {
    operands: [0],
    flags: filters,
    words: 'list takes no operands: --vip, --real and --source choose flows',
  },
  analyse: {
    operands: [0],
    flags: filters.filter((name) => name !== 'limit'),
    words: 'analyse takes no operands: --vip, --real and --source choose flows',
  },
  delete: {
    operands: [2],
    flags: ['protocol'],
    words: 'delete takes the client and the VIP, ADDRESS:PORT each',
  },
  purge: { operands: [1, 2], flags: [], words: 'purge takes a VIP, or a VIP and its real' },
} as const satisfies Record<
  Request['action'],
  { operands: readonly number[]; flags: readonly string[]; words: string }
>;

/** @throws UsageError */
function checkUse({ action, operands, flags }: Request): void {
  const { operands: counts, flags: known, words } = uses[action];
  if (!(counts as readonly number[]).includes(operands.length)) throw new UsageError(`flows: ${words}`);
  const other = filters.find(
    (name) => flags[name] !== undefined && !(known as readonly string[]).includes(name),
  );
  if (other !== undefined) throw new UsageError(`flows: ${action} takes no --${other}`);
}

function filterOf({ vip, real, source, protocol, older, younger }: FlowsFlags) {
  return {
    ...(vip !== undefined && { vip }),
    ...(real !== undefined && { real }),
    ...(source !== undefined && { source }),
    ...(protocol !== undefined && { protocol }),
    ...(older !== undefined && { olderMs: older }),
    ...(younger !== undefined && { youngerMs: younger }),
  };
}

async function list(client: BalancerClient, flags: FlowsFlags, host: RunHost, stdout: Output): Promise<void> {
  const { limit, json = false } = flags;
  const progress = new Progress(host, stdout.stream.isTTY !== true);
  const body = { action: 'list', ...filterOf(flags), ...(limit !== undefined && { limit }) } as const;
  let lines: string[] = json ? [] : [columns(header)];
  let end: FlowsEnd | undefined;
  const flush = async () => {
    const text = lines.map((line) => `${line}\n`).join('');
    lines = [];
    await (json ? stdout.writeData(text) : stdout.write(text));
  };
  for await (const line of client.lines('flows', body)) {
    progress.show(line);
    if (line.flow !== undefined)
      lines.push(json ? escapeJson(JSON.stringify(line.flow)) : flowText(line.flow));
    if (line.progress !== undefined || lines.length >= LINES_AT_A_TIME) await flush();
    end ??= line.end;
    if (stdout.broken) return;
  }
  await flush();
  progress.clear();
  host.stderr.write(`weir: ${formatCount(end!.flows, 'flow')}\n`);
}

async function analyse(
  client: BalancerClient,
  flags: FlowsFlags,
  host: RunHost,
  stdout: Output,
): Promise<void> {
  const progress = new Progress(host, true);
  for await (const line of client.lines('flows', { action: 'analyse', ...filterOf(flags) })) {
    progress.show(line);
    const { analysis } = line;
    if (analysis === undefined) continue;
    progress.clear();
    if (flags.json === true) await stdout.writeData(`${escapeJson(JSON.stringify(analysis, null, 2))}\n`);
    else await stdout.write(analysisText(analysis));
  }
}

async function deleteOne(
  client: BalancerClient,
  [source = '', destination = '']: readonly string[],
  { protocol = 'tcp', json }: FlowsFlags,
  stdout: Output,
): Promise<void> {
  const from = endpoint(source);
  const to = endpoint(destination);
  const { removed } = await client.call('deleteFlow', {
    source: from.address,
    sourcePort: from.port,
    destination: to.address,
    destinationPort: to.port,
    protocol,
  });
  if (json === true) await stdout.writeData(`${JSON.stringify({ removed })}\n`);
  else if (removed === 0) await stdout.write('the flow was not known\n');
  else await stdout.write(`removed from ${formatCount(removed, 'table')}\n`);
}

async function purge(
  client: BalancerClient,
  [vip = '', real]: readonly string[],
  { json }: FlowsFlags,
  host: RunHost,
  stdout: Output,
): Promise<void> {
  const progress = new Progress(host, true);
  for await (const line of client.lines('purge', { vip, ...(real !== undefined && { real }) })) {
    progress.show(line);
    if (line.end === undefined) continue;
    progress.clear();
    const removed = line.end.flows;
    if (json === true) await stdout.writeData(`${JSON.stringify({ removed })}\n`);
    else await stdout.write(`${formatCount(removed, 'flow')} removed\n`);
  }
}

const header = ['CLIENT', 'TO', 'PROTO', 'IDLE', 'TABLE', 'STATE', 'VIP', 'REAL'] as const;
const widths = [21, 21, 5, 8, 8, 5, 0, 0] as const;

/** The last two columns have names, which may be of any length. */
function columns(cells: readonly string[]): string {
  return cells
    .map((cell, i) => cell.padEnd(widths[i]!))
    .join('  ')
    .trimEnd();
}

/** A line for a flow: `192.0.2.7:31337  198.51.100.1:443  tcp  2.10 s  cpu 1  known  web  a (10.0.0.1)`. */
export function flowText(flow: NamedFlow): string {
  const { source, sourcePort, destination, destinationPort, protocol, state, idleMs, vip, real, realName } =
    flow;
  return columns([
    endText(source, sourcePort),
    endText(destination, destinationPort),
    protocol,
    formatDuration(idleMs * 1000),
    tableText(flow),
    state,
    vip === undefined ? '-' : escapeText(vip),
    real === undefined ? '-' : realLabel(realName, real, flow.realPort),
  ]);
}

function endText(address: string | undefined, port: number): string {
  return address === undefined ? `?:${port}` : formatEndpoint({ address, port });
}

function tableText({ cpu, translated }: NamedFlow): string {
  if (translated !== undefined) return 'nat';
  return cpu === undefined ? 'fallback' : `cpu ${cpu}`;
}

/** On a terminal: how far a walk is, in one line of standard error. */
class Progress {
  readonly #host: RunHost;
  readonly #isShown: boolean;
  #width = 0;

  /** @param isAlone Whether nothing else is written to the terminal meanwhile. */
  constructor(host: RunHost, isAlone: boolean) {
    this.#host = host;
    this.#isShown = isAlone && host.stderr.isTTY === true;
  }

  show({ progress }: FlowLine): void {
    if (!this.#isShown || progress === undefined) return;
    const { walked, places } = progress;
    const text = `weir: ${Math.floor((100 * walked) / places)} % of the tables`;
    this.#width = text.length;
    this.#host.stderr.write(`\r${text}`);
  }

  clear(): void {
    if (this.#width > 0) this.#host.stderr.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }
}
