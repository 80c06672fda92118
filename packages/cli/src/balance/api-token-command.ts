/** `weir balance token` on the command line: its commands, their options, their help. */
import { Argument, Command, Option } from '../commander.js';
import type { TokenAddFlags, TokenFlags, TokenRequest } from './requests.js';

/** Roles, as the balancer has them: the command line is read without it. */
const roles = ['read', 'drain', 'apply'] as const;

type Act = (request: TokenRequest) => Promise<void>;

const examples = `
Examples:
  weir balance token add grafana > grafana.token           may look
  weir balance token add deploy --role drain --expires 90d
  weir balance token list
  weir balance token remove grafana

A running balancer knows of a change within a second.`;

/** Builds the command; \`action\` runs with the request. */
export function tokenCommand(action: Act): Command {
  const command = new Command('token')
    .summary('who may ask the API: add, list and remove tokens')
    .description('Adds, lists and removes the tokens with which clients ask the API of a balancer.')
    .addHelpText('after', examples)
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help');
  for (const create of [add, list, remove])
    command.addCommand(
      create(action)
        .allowExcessArguments(false)
        .optionsGroup('Balancer:')
        .option('--file <file>', 'the file of tokens, api.tokens (default: /etc/weir/balance.tokens)')
        .optionsGroup('General:')
        .option('--debug', 'on errors, show the stack')
        .helpOption('-h, --help', 'show this help'),
    );
  return command;
}

function add(action: Act): Command {
  return new Command('add')
    .summary('print a new token')
    .description('Prints a new token, once: only its hash is kept.')
    .addArgument(new Argument('<name>', 'what it is called in lists and in messages'))
    .addOption(new Option('--role <role>', 'what it allows').choices(roles).default('read'))
    .option('--expires <time>', 'when it ends: 90d, or a time (default: never)')
    .action((name: string, flags: TokenAddFlags) => action({ command: 'token-add', name, flags }));
}

function list(action: Act): Command {
  return new Command('list')
    .summary('names, roles and ends of all tokens')
    .description('Prints the name, the role, the beginning and the end of each token.')
    .option('--json', 'print one JSON object a line')
    .action((flags: TokenFlags & { readonly json?: boolean }) => action({ command: 'token-list', flags }));
}

function remove(action: Act): Command {
  return new Command('remove')
    .summary('end a token')
    .description('Ends a token within a second.')
    .addArgument(new Argument('<name>', 'its name'))
    .action((name: string, flags: TokenFlags) => action({ command: 'token-remove', name, flags }));
}
