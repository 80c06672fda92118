/** `weir serve` on the command line: its options, their groups, its help. */

import { parseNetns } from '../args/host.js';
import { addSharedTracerFlags } from '../args/tracer-flags.js';
import { parseDuration, repeatable } from '../args/values.js';
import { Command, Option } from '../commander.js';
import { parseReadyFd } from '../trace/ready.js';
import { type TokenRequest, tokenCommand } from './token-command.js';

/** Parsed flags, by commander's names. What a configuration file can say, too, is as it was written. */
export interface ServeFlags {
  readonly config?: string;
  readonly folder?: string;
  readonly user?: string;
  readonly listen?: readonly string[];
  readonly insecure?: boolean;
  readonly keep?: string;
  readonly keepSize?: string;
  readonly store?: string;
  readonly peers?: readonly string[];
  readonly read?: string;
  readonly filter?: string;
  readonly udp?: boolean;
  readonly resolve?: boolean;
  readonly enrich: boolean;
  readonly netns?: readonly number[];
  readonly sweep?: number;
  readonly ringSize?: number;
  readonly btf?: string;
  readonly readyFd?: number;
  readonly server?: boolean;
}

const examples = `
Examples:
  weir serve                                  remember every connection of this host
  weir serve --keep 7d --keep-size 2GB        for a week, in two gigabytes
  weir serve --read clickhouse://weir@ch.example/weir
                                              answer about all hosts that ship there, without root
  weir serve --config /etc/weir/serve.yaml    as a file says (weir-serve.schema.json describes it)

Flags win over the configuration file. weir query asks what is remembered.`;

/** What `weir serve` is to do. */
export type ServeRequest = { readonly command: 'run'; readonly flags: ServeFlags } | TokenRequest;

/** Builds the command; \`action\` runs with the request. */
export function serveCommand(action: (request: ServeRequest) => Promise<void>): Command {
  const command = new Command('serve')
    .summary('remember every connection of this host')
    .description(
      'Remembers every connection of this host: one process collects, another, unprivileged one stores and answers.',
    )
    .addHelpText('after', examples)
    .allowExcessArguments(false);
  addRecording(command);
  addKeeping(command);
  addServer(command);
  addSharedTracerFlags(command);
  return (
    command
      .optionsGroup('General:')
      .option('--debug', 'on errors, show the stack and the verifier log')
      .helpOption('-h, --help', 'show this help')
      .helpCommand(false)
      // Both have --folder.
      .enablePositionalOptions()
      .addCommand(tokenCommand(action))
      .action(() => action({ command: 'run', flags: command.opts<ServeFlags>() }))
  );
}

function addRecording(command: Command): void {
  command
    .optionsGroup('What is recorded:')
    .option('--filter <filter>', 'only connections that meet this filter')
    .option(
      '--netns <netns>',
      'only this network namespace: inode, path or name',
      repeatable((text) => parseNetns(text)),
    )
    .option('--udp', 'UDP flows, too')
    .option('--no-enrich', 'without executables, command lines, containers, pods and units')
    .option('--resolve', "also peers' names, by reverse DNS");
}

function addKeeping(command: Command): void {
  command
    .optionsGroup('What is kept:')
    .option('--folder <folder>', 'where (default: /var/lib/weir)')
    .option('--keep <age>', 'for how long: 12h, 30d, 1y (default: 30d)')
    .option('--keep-size <size>', 'in how much: 500MB, 10GB (default: 10GB)')
    .option('--store <url>', 'ship it to ClickHouse, too: clickhouse://user@host:8123/database')
    .option('--read <url>', 'record nothing, and read the histories of many hosts in ClickHouse')
    .addOption(
      new Option('--sweep <time>', 'interval of the rows about live connections (default: 1m)')
        .argParser(parseDuration)
        .hideHelp(),
    );
}

function addServer(command: Command): void {
  command
    .optionsGroup('Server:')
    .option('--config <file>', 'a configuration file')
    .option('--user <user>', 'the user as whom the server runs (default: weir, or else nobody)')
    .option(
      '--listen <address>',
      'where the API listens (default: 127.0.0.1:9436)',
      repeatable((text) => [text]),
    )
    .option(
      '--peers <urls>',
      'other hosts whose weir serve is asked, too, with commas: https://db-1:9436',
      repeatable((text) => text.split(',').filter((url) => url !== '')),
    )
    .option('--insecure', 'listen beyond loopback without a token or without TLS')
    .option(
      '--ready-fd <fd>',
      'write a line to this descriptor once it remembers, and close it',
      parseReadyFd,
    )
    .addOption(new Option('--server', 'run as the server of a collector').hideHelp());
}
