/** `weir balance` on reals, and the set-up to try it: commands, their options, their help. */
import { parseInteger, repeatable } from '../args/values.js';
import { Command, Option } from '../commander.js';
import { parseReadyFd } from '../trace/ready.js';
import type { BalanceRequest } from './requests.js';

type Act = (request: BalanceRequest) => Promise<void>;

function command(name: string, summary: string, description: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `\n  weir balance ${example}`).join('');
  return new Command(name)
    .summary(summary)
    .description(description)
    .addHelpText('after', `\nExamples:${lines}`);
}

/** What both commands have that leave programs in the kernel. */
function addPinnedOptions(to: Command, what: string): Command {
  return to
    .optionsGroup('Programs that are attached:')
    .option('--name <name>', `the name of ${what} on this host (default: default)`)
    .addOption(new Option('--status', 'show what is attached, and what it has done').conflicts('detach'))
    .option('--detach', 'detach it; nothing is left')
    .optionsGroup('Output:')
    .addOption(new Option('--json', 'with --status: print JSON').conflicts('metrics'))
    .option('--metrics', "with --status: print Prometheus' text format");
}

/** On a real: removes outer headers. */
export function decapsulate(action: Act): Command {
  const built = command(
    'decapsulate',
    "on a real: remove the balancer's outer headers",
    'Attaches a program to the network devices of a real that removes outer headers, IP in IP, GRE and GUE, from packets to its addresses. It stays, with no process, until --detach or the next boot. Run again, it goes over to the new options without losing a packet.',
    ['decapsulate eth0', 'decapsulate --status', 'decapsulate --detach'],
  )
    .argument('[interface...]', 'devices on which packets arrive from the balancer')
    .optionsGroup('Tunnels:')
    .option(
      '--address <address>',
      'tunnels to this address of the host end here; can be repeated (default: all addresses of the devices)',
      repeatable((text: string) => [text]),
    )
    .option('--gue-port <port>', 'UDP port of GUE (default: 6080)', (text: string) =>
      parseInteger(text, 'a port', 1, 65535),
    )
    .addOption(
      new Option(
        '--mode <mode>',
        'in the driver, or in the network stack (default: what the driver can)',
      ).choices(['native', 'generic']),
    )
    .option('--egress', "send inner packets on, by this host's routes, rather than to its own sockets")
    .option(
      '--match-source',
      'give inner packets the source of the outer header, for clients that make the tunnel themselves',
    );
  return addPinnedOptions(built, 'the program').action((interfaces, flags) =>
    action({ command: 'decapsulate', interfaces, flags }),
  );
}

/** On a real or its clients: TCP server ids. */
export function serverId(action: Act): Command {
  const built = command(
    'server-id',
    'on a real: name itself to clients in a TCP option, by which balancers find it',
    'Attaches a program to TCP sockets that sends the id of this real to clients, or that returns ids of servers to them, in TCP option 0xb7. Both ends must take part. It stays, with no process, until --detach or the next boot. Needs Linux 5.10.',
    ['server-id 7', 'server-id --return', 'server-id --status', 'server-id --detach'],
  )
    .argument('[id]', 'the id that serverIds of the balancer has for this real', (text: string) =>
      parseInteger(text, 'an id', 1, 2 ** 32 - 1),
    )
    .optionsGroup('Sockets:')
    .option('--return', 'connections that are opened here return the id of their server')
    .option('--cgroup <folder>', 'only sockets of this cgroup (v2) and those below it (default: all)');
  return addPinnedOptions(built, 'the program').action((id, flags) =>
    action({ command: 'server-id', id, flags }),
  );
}

/** A whole set-up in namespaces. */
export function tryOut(action: Act): Command {
  return command(
    'try',
    'a balancer with a client and reals, all on this machine, to play with',
    'Makes a client, a balancer and reals with web servers in network namespaces of its own, sends requests, and shows who answers. It prints what to type in another terminal. Nothing of this machine is changed, and all of it ends with the command.',
    ['try', 'try --reals 5 --rate 100'],
  )
    .optionsGroup('Set-up:')
    .option('--reals <number>', 'so many reals', (text: string) => parseInteger(text, 'a number', 1, 8), 3)
    .option(
      '--rate <number>',
      'requests a second',
      (text: string) => parseInteger(text, 'a number', 0, 1000),
      10,
    )
    .optionsGroup('Start:')
    .option(
      '--ready-fd <fd>',
      'write a line to this descriptor once packets are balanced, and close it',
      parseReadyFd,
    )
    .action((flags) => action({ command: 'try', flags }));
}
