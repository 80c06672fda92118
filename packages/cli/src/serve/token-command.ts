/** `weir serve token` on the command line: its commands, their options, their help. */
import { Argument, Command, Option } from '../commander.js';

/** Roles, as the server has them: the command line is read without it. */
const roles = ['read', 'sql', 'admin'] as const;

interface Place {
  readonly folder?: string;
  /** The user of a server that has not run yet. */
  readonly user?: string;
}

/** What is to be done with tokens. */
export type TokenRequest = { readonly flags: Place & { readonly debug?: boolean } } & (
  | {
      readonly command: 'token-add';
      readonly name: string;
      readonly role: (typeof roles)[number];
      /** As it was written. */
      readonly expires?: string;
    }
  | { readonly command: 'token-list'; readonly json: boolean }
  | { readonly command: 'token-remove'; readonly name: string }
);

type Act = (request: TokenRequest) => Promise<void>;

const examples = `
Examples:
  weir serve token add grafana > grafana.token       may ask, but not in SQL
  weir serve token add ops --role admin --expires 90d
  weir serve token list
  weir serve token remove grafana

As soon as there is a token, whoever asks over the network needs one, on this host too. A running
server knows of a change within a second.`;

/** Builds the command; \`action\` runs with the request. */
export function tokenCommand(action: Act): Command {
  const command = new Command('token')
    .summary('who may ask: add, list and remove tokens')
    .description('Adds, lists and removes the tokens with which clients ask the server.')
    .addHelpText('after', examples)
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help');
  for (const create of [add, list, remove])
    command.addCommand(
      create(action)
        .allowExcessArguments(false)
        .optionsGroup('Server:')
        .option('--folder <folder>', 'the folder of weir serve (default: /var/lib/weir)')
        .optionsGroup('General:')
        .option('--debug', 'on errors, show the stack')
        .helpOption('-h, --help', 'show this help'),
    );
  return command;
}

function add(action: Act): Command {
  const command = new Command('add')
    .summary('print a new token')
    .description('Prints a new token, once: only its hash is kept.')
    .addArgument(new Argument('<name>', 'what it is called in lists and in the audit log'))
    .addOption(new Option('--role <role>', 'what it allows').choices(roles).default('read'))
    .option('--expires <time>', 'when it ends: 90d, or a time (default: never)')
    .option('--user <user>', 'the user of the server, where it has not run yet');
  return command.action((name: string) => {
    const { role, expires, ...flags } = command.optsWithGlobals<
      Place & { role: (typeof roles)[number]; expires?: string }
    >();
    return action({ command: 'token-add', name, role, ...(expires !== undefined && { expires }), flags });
  });
}

function list(action: Act): Command {
  const command = new Command('list')
    .summary('names, roles and ends of all tokens')
    .description('Prints the name, the role, the beginning and the end of each token.')
    .option('--json', 'print one JSON object a line');
  return command.action(() => {
    const { json = false, ...flags } = command.optsWithGlobals<Place & { json?: boolean }>();
    return action({ command: 'token-list', json, flags });
  });
}

function remove(action: Act): Command {
  const command = new Command('remove')
    .summary('end a token')
    .description('Ends a token at once.')
    .addArgument(new Argument('<name>', 'its name'));
  return command.action((name: string) =>
    action({ command: 'token-remove', name, flags: command.optsWithGlobals<Place>() }),
  );
}
