/** `weir balance` on the command line: its commands, their options, their help. */
import { Command, Option } from 'commander';
import { repeatable } from '../args/values.js';
import type { BalanceRequest, CheckFlags, SimulateFlags } from './requests.js';

const examples = `
Examples:
  weir balance check balance.yaml                            is the file good?
  weir balance simulate balance.yaml --packet flow.pcap      what would become of these packets?`;

type Act = (request: BalanceRequest) => Promise<void>;

/** Builds the command; \`action\` runs with what was asked for. */
export function balanceCommand(action: Act): Command {
  const command = new Command('balance')
    .summary('balance load over servers, in XDP')
    .description('A layer-4 load balancer in XDP, run and looked at by its configuration file.')
    .addHelpText('after', examples)
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help');
  for (const child of [check(action), simulate(action)]) {
    command.addCommand(
      child
        .allowExcessArguments(false)
        .optionsGroup('General:')
        .option('--debug', 'on errors, show the stack and the verifier log')
        .helpOption('-h, --help', 'show this help'),
    );
  }
  return command;
}

const json = () => new Option('--json', 'print JSON');

function check(action: Act): Command {
  return new Command('check')
    .summary('say what is wrong with a configuration file, and where')
    .description(
      'Reads a configuration file and says what is wrong with it: FILE:LINE:COLUMN: message. Needs no privilege.',
    )
    .argument('<file>', 'configuration, YAML')
    .addOption(json())
    .addHelpText('after', '\nExamples:\n  weir balance check balance.yaml')
    .action((file: string, flags: CheckFlags) => action({ command: 'check', file, flags }));
}

function simulate(action: Act): Command {
  return new Command('simulate')
    .summary('say what a configuration would do with packets')
    .description(
      "Has the balancer's program handle packets as if they had come from the interface, and shows what becomes of them. Nothing is attached.",
    )
    .argument('<file>', 'configuration, YAML')
    .requiredOption(
      '--packet <file>',
      'an Ethernet frame in hex or base64, or a pcap or pcapng file; can be repeated',
      repeatable((text: string) => [text]),
    )
    .addOption(json())
    .addHelpText('after', '\nExamples:\n  weir balance simulate balance.yaml --packet flow.pcap')
    .action((file: string, flags: SimulateFlags) => action({ command: 'simulate', file, flags }));
}
