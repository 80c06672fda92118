/** `weir query` on the command line: its options, their groups, its help. */
import { parseInteger } from '../args/values.js';
import { Command, Option } from '../commander.js';
import { type ColourMode, colourModes } from '../text/colour.js';

/** Parsed flags, by commander's names. Times and filters are as they were written. */
export interface QueryFlags {
  readonly filter?: string;
  readonly by?: string;
  readonly series?: string;
  readonly openAt?: string;
  readonly compare?: string;
  readonly sql?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly parquet?: string;
  readonly limit?: number;
  readonly wide?: boolean;
  readonly color: ColourMode;
  readonly folder: string;
  readonly url?: string;
  readonly token?: string;
  readonly cacert?: string;
  readonly debug?: boolean;
}

export interface QueryRequest {
  /** The range of time, as it was written. */
  readonly range?: string | undefined;
  readonly flags: QueryFlags;
}

const examples = `
Examples:
  weir query                                       connections that ended in the last hour
  weir query 'yesterday 14:00..15:00' --filter 'peer:10.0.0.0/8 not comm:curl'
  weir query -24h --by process,peer --limit 20     who moved most
  weir query -1h --series 1m --by process          minute by minute
  weir query --open-at 10:32                       what was open then
  weir query -1h --compare -25h..-24h              what is new, gone, slower, or fails more
  weir query today --json > today.jsonl
  weir query --url https://db1:9436 --token ~/db1.token
  weir query --sql 'SELECT comm, count(*) FROM ends GROUP BY comm'

A time is -1h, 10:32, yesterday 14:00, 2026-11-26 10:32, RFC 3339 or now; A..B is a range. What
was lost or not recorded in the range is printed on standard error.`;

/** A command whose operand may look like an option: `-1h`. */
class TimeCommand extends Command {
  override parseOptions(args: string[]) {
    return super.parseOptions(
      args.map((arg, index) => (this.#isTime(arg, args[index - 1]) ? ` ${arg}` : arg)),
    );
  }

  /** With a space before it, which means nothing in a time, it is no option. */
  #isTime(arg: string, before: string | undefined): boolean {
    if (!/^-\d/.test(arg)) return false;
    return !this.options.some(
      (option) => option.required && before !== undefined && [option.short, option.long].includes(before),
    );
  }
}

/** Builds the command; `action` runs with its parsed flags. */
export function queryCommand(action: (request: QueryRequest) => Promise<void>): Command {
  const command = new TimeCommand('query')
    .summary('ask what weir serve remembers')
    .description(
      'Prints the connections of a range of time, or figures about them, from what weir serve remembers.',
    )
    .argument('[range]', 'a time or a range of times (default: -1h)')
    .addHelpText('after', examples)
    .allowExcessArguments(false);
  command
    .optionsGroup('Questions:')
    .option('--filter <expression>', 'only connections that meet this: error=* or srtt>50ms')
    .option('--by <fields>', 'groups with their figures: process,peer')
    .option('--series <step>', 'figures over time, in steps such as 1m')
    .option('--open-at <time>', 'what was open at this time')
    .option('--compare <range>', 'what is new, gone, slower, or fails more than in this range')
    .addOption(
      new Option('--sql <statement>', 'a statement of SQL that reads').conflicts([
        ...['filter', 'by', 'series', 'openAt', 'compare'],
      ]),
    );
  command
    .optionsGroup('Output:')
    .addOption(new Option('--json', 'print one JSON object a line').conflicts(['csv', 'parquet']))
    .addOption(new Option('--csv', 'print CSV').conflicts('parquet'))
    .addOption(
      new Option('--parquet <file>', 'write connections to this new file').conflicts([
        ...['by', 'series', 'openAt', 'compare', 'sql'],
      ]),
    )
    .option('--limit <number>', 'at most so many rows (default: 1000)', (text) =>
      parseInteger(text, 'a number', 1, 1_000_000_000),
    )
    .option('-w, --wide', 'do not fit lines to the terminal')
    .addOption(new Option('--color <when>', 'colour the text').choices(colourModes).default('auto'));
  return command
    .optionsGroup('History:')
    .option('--folder <path>', 'the folder of weir serve, or an exported file', '/var/lib/weir')
    .addOption(new Option('--url <url>', 'a server elsewhere: https://host:9436').conflicts('folder'))
    .option('--token <file>', 'a file with a token for the server')
    .option('--cacert <file>', "certificates that vouch for the server's, in PEM")
    .optionsGroup('General:')
    .option('--debug', 'on errors, show the stack')
    .helpOption('-h, --help', 'show this help')
    .action((range: string | undefined) => action({ range, flags: command.opts<QueryFlags>() }));
}
