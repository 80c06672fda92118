/** `weir balance` on the command line: its commands, their options, their help. */

import { reasonNames } from '@weir/balancer/reasons';
import { parseDuration, parseInteger, repeatable, wordsParser } from '../args/values.js';
import { Argument, Command, Option } from '../commander.js';
import { UsageError } from '../failure.js';
import { colourModes } from '../text/colour.js';
import { parseReadyFd } from '../trace/ready.js';
import { tokenCommand } from './api-token-command.js';
import { decapsulate, serverId, tryOut } from './real-commands.js';
import { type BalanceRequest, flowActions, type Which } from './requests.js';

const examples = `
Examples:
  weir balance check balance.yaml                           is the file good?
  weir balance simulate balance.yaml --packet flow.pcap     what would become of these packets?
  weir balance run balance.yaml                             balance
  weir balance apply balance.yaml                           go over to the changed file
  weir balance status                                       VIPs, reals, traffic, health
  weir balance drain web a                                  let no new flows of web come to a
  weir balance lookup 192.0.2.7:31337 198.51.100.1:443      where does this flow go, and why?
  weir balance flows analyse                                which flows are known, by age, VIP and real?
  weir balance capture -o drops.pcapng --reason malformed   packets with the reason of each
  weir balance stop                                         take it off
  weir balance --remote https://edge-1:9437 --token-file edge-1.token status`;

type Act = (request: BalanceRequest) => Promise<void>;

/** Builds the command; \`action\` runs with the request. */
export function balanceCommand(action: Act): Command {
  const command = new Command('balance')
    .summary('balance load over servers, in XDP')
    .description('A layer-4 load balancer in XDP, run and looked at by its configuration file.')
    .addHelpText('after', examples)
    .helpCommand(false)
    // An option before the command is of all commands that ask a running balancer.
    .enablePositionalOptions()
    .optionsGroup('Balancer:')
    .helpOption('-h, --help', 'show this help');
  addRemote(command);
  const act: Act = (request) => action(withRemote(request, command.opts()));
  for (const create of [
    check,
    simulate,
    run,
    apply,
    status,
    drain,
    undrain,
    lookup,
    flows,
    capture,
    stop,
    detach,
    decapsulate,
    serverId,
    tryOut,
  ]) {
    command.addCommand(
      create(act)
        .allowExcessArguments(false)
        .optionsGroup('General:')
        .option('--debug', 'on errors, show the stack and the verifier log')
        .helpOption('-h, --help', 'show this help'),
    );
  }
  command.addCommand(tokenCommand(act));
  return command;
}

function addRemote(command: Command): Command {
  return command
    .option('--remote <url>', 'ask the API of a balancer elsewhere, such as https://edge-1:9437')
    .option('--token-file <file>', 'a file with a token for it')
    .option('--ca <file>', "certificates that vouch for the server's, in PEM");
}

const local: readonly BalanceRequest['command'][] = ['check', 'simulate', 'run', 'detach'];

/** @throws UsageError where a command is for this host only */
function withRemote(request: BalanceRequest, before: Which): BalanceRequest {
  if (Object.keys(before).length === 0) return request;
  if (local.includes(request.command) || request.command.startsWith('token-'))
    throw new UsageError(
      `weir balance ${request.command.replace('-', ' ')} works on this host only: leave out --remote`,
    );
  return { ...request, flags: { ...before, ...request.flags } } as BalanceRequest;
}

/** A command with an example of its use. */
function child(name: string, summary: string, description: string, example: string): Command {
  return new Command(name)
    .summary(summary)
    .description(description)
    .addHelpText('after', `\nExamples:\n  weir balance ${example}`);
}

/** A command that asks a running balancer. */
function client(name: string, summary: string, description: string, example: string): Command {
  const command = child(name, summary, description, example)
    .optionsGroup('Balancer:')
    .option('--name <name>', 'the running balancer of this name (default: the only one)')
    .addOption(new Option('--socket <file>', 'its control socket').conflicts('name'));
  return addRemote(command);
}

const json = () => new Option('--json', 'print JSON');
const integer = (most: number) => (text: string) => parseInteger(text, 'a number', 1, most);

function check(action: Act): Command {
  return child(
    'check',
    'say what is wrong with a configuration file, and where',
    'Reads a configuration file and says what is wrong with it: FILE:LINE:COLUMN: message. Needs no privilege.',
    'check balance.yaml',
  )
    .argument('<file>', 'configuration, YAML')
    .optionsGroup('Output:')
    .addOption(json())
    .action((file, flags) => action({ command: 'check', file, flags }));
}

function simulate(action: Act): Command {
  return child(
    'simulate',
    'say what a configuration would do with packets',
    "Has the balancer's program handle packets as if they had come from the interface, and shows what becomes of them. Nothing is attached.",
    'simulate balance.yaml --packet flow.pcap',
  )
    .argument('<file>', 'configuration, YAML')
    .optionsGroup('Input:')
    .requiredOption(
      '--packet <file>',
      'an Ethernet frame in hex or base64, or a pcap or pcapng file; can be repeated',
      repeatable((text: string) => [text]),
    )
    .optionsGroup('Output:')
    .addOption(json())
    .action((file, flags) => action({ command: 'simulate', file, flags }));
}

function run(action: Act): Command {
  return child(
    'run',
    'balance as a configuration says, until a signal or stop',
    'Balances as a configuration says. After a signal, or if it dies, packets are forwarded on: run it again, in whatever version, and it goes on where it stopped. stop ends it.',
    'run balance.yaml',
  )
    .argument('<file>', 'configuration, YAML')
    .optionsGroup('Ending:')
    .option('--detach', 'with a signal, forwarding ends, too')
    .optionsGroup('Start:')
    .option('--forget-flows', 'known flows may be forgotten, where options.flows is another one than before')
    .option(
      '--ready-fd <fd>',
      'write a line to this descriptor once packets are balanced, and close it',
      parseReadyFd,
    )
    .action((file, flags) => action({ command: 'run', file, flags }));
}

function apply(action: Act): Command {
  return client(
    'apply',
    'go over to another configuration while it runs',
    'Has a running balancer go over to a configuration, by what is different, as a whole or not at all.',
    'apply balance.yaml',
  )
    .argument('<file>', 'configuration, YAML')
    .action((file, flags) => action({ command: 'apply', file, flags }));
}

function status(action: Act): Command {
  return client(
    'status',
    'show VIPs, reals, their traffic and health',
    'Shows VIPs and reals with weights, traffic and health, and what was dropped.',
    'status',
  )
    .optionsGroup('Output:')
    .addOption(json())
    .option('--interval <time>', 'take rates over this time', parseDuration, 1000)
    .addOption(new Option('--color <when>', 'colour the text').choices(colourModes).default('auto'))
    .action((flags) => action({ command: 'status', flags }));
}

function drain(action: Act): Command {
  return client(
    'drain',
    'let no new flows come to a real',
    'Lets no new flows of a VIP come to a real; known ones stay. Lasts until undrain, also when files are applied.',
    'drain web a',
  )
    .argument('<vip>', 'name, ADDRESS:PORT/PROTOCOL, or address')
    .argument('<real>', 'name or address')
    .optionsGroup('Drain:')
    .option('--force', 'drain the last healthy real of the VIP, too')
    .action((vip, real, flags) => action({ command: 'drain', vip, real, flags }));
}

function undrain(action: Act): Command {
  return client('undrain', 'end a drain', 'Gives a drained real its weight back.', 'undrain web a')
    .argument('<vip>', 'name, ADDRESS:PORT/PROTOCOL, or address')
    .argument('<real>', 'name or address')
    .action((vip, real, flags) => action({ command: 'undrain', vip, real, flags }));
}

function lookup(action: Act): Command {
  return client(
    'lookup',
    'say where a flow goes, and why',
    "Asks the balancer's program where a flow's next packet goes, and why. Nothing is counted or remembered.",
    'lookup 192.0.2.7:31337 198.51.100.1:443',
  )
    .argument('<source>', 'client, ADDRESS:PORT')
    .argument('<destination>', 'VIP, ADDRESS:PORT')
    .optionsGroup('Flow:')
    .addOption(
      new Option('--protocol <protocol>', 'transport protocol').choices(['tcp', 'udp']).default('tcp'),
    )
    .optionsGroup('Output:')
    .addOption(json())
    .action((source, destination, flags) => action({ command: 'lookup', source, destination, flags }));
}

function flows(action: Act): Command {
  return client(
    'flows',
    'list, count or remove known flows',
    'Lists the flows that the balancer knows (list), counts them by age, VIP and real (analyse), removes one (delete SOURCE DESTINATION), or those of a VIP or of its real (purge VIP [REAL]). Packets do not wait for it.',
    'flows list --vip web --source 192.0.2.0/24',
  )
    .addArgument(new Argument('[action]', 'what to do').choices(flowActions).default('list'))
    .argument('[operands...]', 'of delete: client and VIP, ADDRESS:PORT each; of purge: VIP, real')
    .optionsGroup('Flows:')
    .option('--vip <vip>', 'only those of this VIP: name, ADDRESS:PORT/PROTOCOL, or address')
    .option('--real <real>', 'only those of this real: name or address')
    .option('--source <prefix>', 'only those from this address or prefix')
    .addOption(new Option('--protocol <protocol>', 'only these').choices(['tcp', 'udp']))
    .option('--older <time>', 'only those that were not used for this time', parseDuration)
    .option('--younger <time>', 'only those that were used within this time', parseDuration)
    .option('--limit <number>', 'list at most so many', integer(Number.MAX_SAFE_INTEGER))
    .optionsGroup('Output:')
    .addOption(json())
    .action((act, operands, flags) => action({ command: 'flows', action: act, operands, flags }));
}

function capture(action: Act): Command {
  return client(
    'capture',
    'write packets to a file, with the reason of each',
    'Writes a pcapng file of packets as they leave the balancer. A comment says why each went where it went; Wireshark shows it.',
    'capture -o drops.pcapng --reason malformed,empty-slot',
  )
    .optionsGroup('Output:')
    .option('-o, --output <file>', 'write here (default: standard output, unless that is a terminal)')
    .optionsGroup('Packets:')
    .option(
      '--reason <reasons>',
      `only these: ${reasonNames.join(', ')}`,
      repeatable(wordsParser(reasonNames)),
    )
    .option('--miss', 'only those, other than SYNs, whose flow was not known')
    .option('--every <number>', 'one packet in so many on each CPU', integer(2 ** 32 - 1))
    .option('--bytes <number>', 'of each packet (default: 128, at most 256)', integer(256))
    .optionsGroup('Ending:')
    .option('--duration <time>', 'end after this time: 500ms, 10s, 2m, 1h', parseDuration)
    .option('--count <number>', 'end after this many packets', integer(Number.MAX_SAFE_INTEGER))
    .action((flags) => action({ command: 'capture', flags }));
}

function stop(action: Act): Command {
  return client(
    'stop',
    'end a running balancer, and forwarding',
    'Ends a running balancer and forwarding; routes that it made go, and nothing is left. Also takes off what a balancer that was killed has left.',
    'stop',
  )
    .optionsGroup('Ending:')
    .option('--keep-forwarding', 'only the process ends; run goes on where it stopped')
    .action((flags) => action({ command: 'stop', flags }));
}

function detach(action: Act): Command {
  return child(
    'detach',
    'end forwarding that a dead balancer has left',
    'Detaches the pinned programs of a balancer that no process runs, and removes all that it left. For one that runs, use stop.',
    'detach --name edge',
  )
    .optionsGroup('Balancer:')
    .option('--name <name>', 'the pinned balancer of this name (default: the only one)')
    .action((flags) => action({ command: 'detach', flags }));
}
