/** `weir trace` on the command line: its options, their groups, its help. */

import { parseCgroups, parseNetns, parseUsers } from '../args/host.js';
import { addTracerFlags } from '../args/tracer-flags.js';
import {
  parseComms,
  parseDuration,
  parseInteger,
  parsePids,
  parsePorts,
  parsePrefixes,
  parseSparsePids,
  repeatable,
  wordsParser,
} from '../args/values.js';
import { Command, Option } from '../commander.js';
import { colourModes } from '../text/colour.js';
import { traceFormats } from './formats.js';
import { parseReadyFd } from './ready.js';
import { socketEvents } from './summary.js';
import type { TraceFlags } from './trace-flags.js';

const examples = `
Examples:
  weir trace                                     every connection of this host
  weir trace -c nginx -c envoy -e accept,close   what two servers accept, and how it ends
  weir trace --peer-port 443 --direction outbound
  weir trace --peer 10.0.0.0/8 --json --duration 1m > events.jsonl
  weir trace -e fail                             connection attempts that come to nothing
  weir trace -e udp_flow --peer-port 53          who asks for names, and how much is answered
  weir trace --filter 'event:close (retrans>0 or duration>1m) not peer:10.0.0.0/8'
  weir trace --watch-fds 4242                    also the file descriptors that a process gets

Values of one filter are alternatives; different filters add up. Lists are separated by commas,
and every filter but --direction and --filter can be repeated. --filter is applied to what the kernel
reports, with the details of --enrich, --resolve, --networks and --geo; the other filters are cheaper. Losses are
always printed.`;

/** Builds the command; `action` runs with its parsed flags. */
export function traceCommand(action: (flags: TraceFlags) => Promise<void>): Command {
  const command = new Command('trace')
    .summary('print TCP connections as they are made, accepted, closed or refused')
    .description(
      'Prints every TCP connection of this host as it is made, accepted, closed or refused, and UDP flows on demand.',
    )
    .addHelpText('after', examples)
    .allowExcessArguments(false);
  addProtocols(command);
  addFilters(command);
  addDescriptors(command);
  addEnrichment(command);
  addOutput(command);
  addEnding(command);
  addTracerFlags(command);
  return command
    .optionsGroup('General:')
    .option('--debug', 'on errors, show the stack and the verifier log')
    .helpOption('-h, --help', 'show this help')
    .action(() => action(command.opts<TraceFlags>()));
}

function addProtocols(command: Command): void {
  command
    .optionsGroup('Protocols:')
    .option('--udp', 'also count UDP, and report each flow when it is over')
    .option(
      '--udp-idle <time>',
      'a UDP flow is over after this time without datagrams (default: 30s)',
      parseDuration,
    )
    .option('--no-tcp', 'no TCP connections')
    .option('--no-ipv6', 'nothing that runs over IPv6');
}

function addFilters(command: Command): void {
  command
    .optionsGroup('Filters:')
    .option('-p, --pid <pid>', 'only these processes', repeatable(parsePids))
    .option('-c, --comm <name>', 'only processes of this command name', repeatable(parseComms))
    .option(
      '-u, --uid <user>',
      'only processes of this user, by number or name',
      repeatable((text) => parseUsers(text)),
    )
    .option(
      '--netns <netns>',
      'only this network namespace: inode, path or name',
      repeatable((text) => parseNetns(text)),
    )
    .option(
      '--cgroup <cgroup>',
      'only processes in this cgroup: v2 id or path',
      repeatable((text) => parseCgroups(text)),
    )
    .option('--port <ports>', 'only this port or range of either end', repeatable(parsePorts))
    .option('--local-port <ports>', 'only this port or range of the local end', repeatable(parsePorts))
    .option('--peer-port <ports>', "only this port or range of the peer's end", repeatable(parsePorts))
    .option('--address <cidr>', 'only this address or prefix of either end', repeatable(parsePrefixes))
    .option('--local <cidr>', 'only this address or prefix of the local end', repeatable(parsePrefixes))
    .option('--peer <cidr>', "only this address or prefix of the peer's end", repeatable(parsePrefixes))
    .addOption(
      new Option(
        '--direction <direction>',
        'only connections that were accepted, or that were made here',
      ).choices(['inbound', 'outbound']),
    )
    .option(
      '-e, --event <events>',
      `only these events: ${socketEvents.join(', ')}`,
      repeatable(wordsParser(socketEvents)),
    )
    .option(
      '--filter <expression>',
      "of what passes the kernel's filters, print only what meets this: error=* or srtt>50ms",
    );
}

function addDescriptors(command: Command): void {
  command
    .optionsGroup('File descriptors:')
    .option(
      '--watch-fds <pid>',
      'also report each file descriptor that these processes get',
      repeatable(parsePids),
    )
    .option(
      '--monitor-fdinstall-pids <pid>',
      "the same, under the name that tcptracer-bpf's sample has for it",
      repeatable(parseSparsePids),
    );
}

function addEnrichment(command: Command): void {
  command
    .optionsGroup('Enrichment:')
    .option('--enrich', 'also show executable, command line, container, pod, unit and service')
    .option('--resolve', "also show peers' names, by reverse DNS")
    .option(
      '--networks <file>',
      "have peers' groups in JSON and --filter: a list of networks, or a YAML file of weir serve",
      repeatable((text) => [text]),
    )
    .option(
      '--geo <file>',
      "have peers' countries and autonomous systems there: a file in MaxMind's format",
      repeatable((text) => [text]),
    );
}

function addOutput(command: Command): void {
  command
    .optionsGroup('Output:')
    .addOption(new Option('--json', 'print one JSON object a line').conflicts('format'))
    .addOption(
      new Option('--format <format>', 'print text, JSON, or the lines of tcptracer-bpf').choices(
        traceFormats,
      ),
    )
    .option('-w, --wide', 'do not fit lines to the terminal')
    .addOption(new Option('--color <when>', 'colour the text').choices(colourModes).default('auto'))
    .option('--summary', 'end with a summary on standard error (the default)')
    .option('--no-summary', 'end without a summary')
    .option('-v, --verbose', 'say on standard error how the kernel is watched')
    .option(
      '--ready-fd <fd>',
      'write a line to this descriptor once tracing began, and close it',
      parseReadyFd,
    );
}

function addEnding(command: Command): void {
  command
    .optionsGroup('Ending:')
    .option('--duration <time>', 'end after this time: 500ms, 10s, 2m, 1h', parseDuration)
    .option('--count <number>', 'end after this many events', (text) =>
      parseInteger(text, 'a number', 1, Number.MAX_SAFE_INTEGER),
    );
}
