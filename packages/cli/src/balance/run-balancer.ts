/** `weir balance run`. */

import { statSync } from 'node:fs';
import type { BalancerApi } from '@weir/balancer/api';
import type { Config } from '@weir/balancer/config';
import {
  ControlSockets,
  commandsOf,
  Daemon,
  defaultSocket,
  handlersFor,
  RequestError,
} from '@weir/balancer/control';
import { OptionError } from '@weir/ebpf';
import { FormatError } from '@weir/ebpf/errors';
import { isWritable } from '@weir/ebpf/sys';
import { ExitCode, UsageError } from '../failure.js';
import type { RunHost } from '../run-host.js';
import { escapeText } from '../text/escape.js';
import { formatCount } from '../text/units.js';
import { Interruption } from '../trace/interruption.js';
import { announceReady } from '../trace/ready.js';
import { packageVersion } from '../version.js';
import { checkConfigFile, warningsHere, warningText } from './config-file.js';
import { inFileWords } from './file-words.js';
import type { RunFlags } from './requests.js';

/**
 * Balances until a signal or a request ends it.
 *
 * @throws UsageError for options that make no sense; EbpfError for anything that does not work on this host
 */
export async function run(file: string, flags: RunFlags, host: RunHost): Promise<ExitCode> {
  const checked = checkConfigFile(file);
  const { config } = checked;
  refuseOthersFile(file, config);
  host.stderr.write(warningText(file, warningsHere(checked, false)));
  host.avoidWaiting?.(isWritable);
  const say = (line: string) => host.stderr.write(`weir: ${escapeText(line)}\n`);
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  // Listens before the start, so that a signal during it ends things in order.
  using interruption = new Interruption(host.signals, end, (code) => host.exit(code));
  // Loaded before privileges are dropped: threads that read files have none then.
  const apiModule = config.api && (await import('@weir/balancer/api'));
  const options = {
    ...{ version: packageVersion(), log: say, forgetFlows: flags.forgetFlows },
    dropPrivileges: host.ownsProcess,
  };
  const daemon = await explained(Daemon.start(config, options));
  const stop = async (detach: boolean) => {
    server.close();
    api?.close();
    await daemon.end(detach);
    end();
  };
  const socket = config.control.socket ?? defaultSocket(config.name);
  const handlers = handlersFor(daemon, stop);
  const rollback = async (error: unknown) => {
    await daemon.end(!daemon.resumed);
    throw error;
  };
  const server = await explained(ControlSockets.listen(socket, config.control, handlers)).catch(rollback);
  let api: BalancerApi | undefined;
  if (config.api !== undefined && apiModule !== undefined) {
    const { version } = options;
    const opening = apiModule.BalancerApi.listen(config.api, {
      ...{ handlers, events: daemon.events, version, log: say },
      isReady: () => daemon.isReady,
    });
    api = await explained(opening).catch((error: unknown) => {
      server.close();
      return rollback(error);
    });
  }
  say(started(daemon));
  say(`control socket ${socket}`);
  if (api !== undefined) say(`api ${api.urls.join(', ')}`);
  if (daemon.metricsUrl !== undefined) say(`metrics ${daemon.metricsUrl}`);
  if (flags.readyFd !== undefined) announceReady(flags.readyFd);
  await ended;
  if (interruption.received !== undefined) {
    server.close();
    api?.close();
    await daemon.end(flags.detach === true);
    if (flags.detach !== true) say('packets are forwarded on; weir balance stop ends that');
  }
  await server.closed;
  await api?.[Symbol.asyncDispose]();
  return ExitCode.ok;
}

const OTHERS_WRITE = 0o022;

/** Who may write to a file with commands decides what is run with the balancer's privileges. @throws UsageError */
function refuseOthersFile(file: string, config: Config): void {
  if (commandsOf(config).length === 0) return;
  const stats = statSync(file);
  const isOwn = stats.uid === 0 || stats.uid === process.geteuid?.();
  if (!stats.isFile() || (isOwn && (stats.mode & OTHERS_WRITE) === 0)) return;
  throw new UsageError(
    `${file}: its commands (onChange, check) are run with the privileges of the balancer, so nobody else may be able to ` +
      `write to it: "chown root ${file}", "chmod go-w ${file}"`,
  );
}

function started({ config, resumed, attachments }: Daemon): string {
  const where = attachments.length === 0 ? 'a chain' : attachments.join(', ');
  const how = resumed ? 'goes on balancing' : 'balances';
  return `${config.name} ${how} on ${where}: ${formatCount(config.vips.length, 'VIP')}`;
}

/** Options that the balancer refuses come from the file, so they are wrong input. */
async function explained<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    const isFiles = [OptionError, RequestError, FormatError].some((kind) => error instanceof kind);
    throw isFiles ? new UsageError(inFileWords((error as Error).message), { cause: error }) : error;
  }
}
