/** `weir top` on the command line: its options, their groups, its help. */

import { parseNetns } from '../args/host.js';
import { addSharedTracerFlags } from '../args/tracer-flags.js';
import { parseDuration, parseInteger, repeatable } from '../args/values.js';
import { Command, Option } from '../commander.js';
import { colourModes } from '../text/colour.js';
import type { TopFlags } from './top-flags.js';

const examples = `
Examples:
  weir top                                         live connections by traffic; ? shows the keys
  weir top --view processes                        by process
  weir top --filter 'port:443 -peer:10.0.0.0/8'    what / takes, too
  weir top --filter '(proc:nginx or port:53) srtt>50ms'
  weir top --once --json                           everything once, for other programs
  weir top --view peers --rows 10 > peers.txt      the ten busiest peers, every two seconds
  weir top --at 10:32                              what was open then; [ and ] step, Space plays`;

/** Names of the views. They are repeated here because other commands do not load top/table. */
const views = ['connections', 'processes', 'peers', 'listening'];

/** Builds the command; `action` runs with its parsed flags. */
export function topCommand(action: (flags: TopFlags) => Promise<void>): Command {
  const command = new Command('top')
    .summary('show live connections, processes and peers by traffic')
    .description('Shows the live TCP connections and UDP flows of this host, by traffic.')
    .addHelpText('after', examples)
    .allowExcessArguments(false);
  addTable(command);
  addPast(command);
  addContents(command);
  addOutput(command);
  return addSharedTracerFlags(command)
    .optionsGroup('General:')
    .option('--debug', 'on errors, show the stack and the verifier log')
    .helpOption('-h, --help', 'show this help')
    .action(() => action(command.opts<TopFlags>()));
}

function addTable(command: Command): void {
  command
    .optionsGroup('Table:')
    .addOption(new Option('--view <view>', 'what to show').choices(views).default('connections'))
    .option('--filter <expression>', 'only what meets this: port:443 proc:nginx -peer:10.0.0.0/8')
    .option('--sort <column>', 'sort by this column (default: rate, both ways)')
    .option('--reverse', 'sort the other way round')
    .option('--rows <number>', 'at most so many rows, where it is not a terminal UI', (text) =>
      parseInteger(text, 'a number', 1, 2 ** 24),
    );
}

function addPast(command: Command): void {
  command
    .optionsGroup('Past:')
    .option('--at <time>', 'the state of then, which weir serve remembers: 10:32, -1h, RFC 3339')
    .option('--folder <path>', 'the folder of weir serve (default: /var/lib/weir), or an exported file')
    .addOption(new Option('--url <url>', 'a server elsewhere: https://host:9436').conflicts('folder'))
    .option('--token <file>', 'a file with a token for the server')
    .option('--cacert <file>', "certificates that vouch for the server's, in PEM");
}

function addContents(command: Command): void {
  command
    .optionsGroup('Contents:')
    .option('--no-tcp', 'no TCP')
    .option('--no-udp', 'no UDP, whose datagrams are not counted then')
    .option('--no-ipv6', 'no IPv6')
    .option(
      '--netns <netns>',
      'only this network namespace: inode, path or name',
      repeatable((text) => parseNetns(text)),
    )
    .option('--tcp-idle <time>', 'leave out TCP connections that were idle for so long', parseDuration)
    .option('--udp-idle <time>', 'a UDP flow ends when idle for so long (default: 30s)', parseDuration)
    .option('--limit <number>', 'connections held at a time (default: 131072)', (text) =>
      parseInteger(text, 'a number', 1, 2 ** 24),
    )
    .option('--no-enrich', 'look at no process in /proc, name no services')
    .option('--resolve', "ask DNS for peers' names");
}

function addOutput(command: Command): void {
  command
    .optionsGroup('Output:')
    .option('--interval <time>', 'from one refresh to the next (default: 2s, with --once 1s)', parseDuration)
    .option('--once', 'print one interval, and end')
    .option('--count <number>', 'print so many intervals, and end', (text) =>
      parseInteger(text, 'a number', 1, Number.MAX_SAFE_INTEGER),
    )
    .option('--json', 'print one JSON object a line and interval')
    .option('-w, --wide', 'print all columns whole, however wide')
    .addOption(new Option('--color <when>', 'colour the text').choices(colourModes).default('auto'));
}
