/** The tools that are compared, and the lines that a connection makes each print. */

/** How a tool is started and read. Plain data: it is handed to the guest as JSON. */
export interface Tool {
  readonly name: string;
  /** The events and fields that it prints of a connection, for the table. */
  readonly prints: string;
  readonly command: readonly string[];
  /** A regular expression that matches each line about an event, and no other line. */
  readonly eventLine: string;
  /** Such lines for one connection whose both ends are on this host. */
  readonly linesPerConnection: number;
  /** The tool takes `--ready-fd 3`; the others are ready when their programs run. */
  readonly readyFd?: boolean;
}

/** Prints with bpftrace the events that `weir trace` distinguishes, without the fields that it adds. */
const lifecycle = [
  'kprobe:tcp_connect { printf("connect %d %s\\n", pid, comm); }',
  'kretprobe:inet_csk_accept { printf("accept %d %s\\n", pid, comm); }',
  // 10 is TCP_LISTEN: the end of a listener is no event.
  'kprobe:tcp_close /((struct sock *)arg0)->__sk_common.skc_state != 10/ { printf("close %d %s\\n", pid, comm); }',
].join(' ');

const stateChanges =
  'tracepoint:sock:inet_sock_set_state { printf("state %d %s %d %d %d\\n", pid, comm, args->sport, args->oldstate, args->newstate); }';

/**
 * The tools of bcc print the same lines as those of libbpf-tools. They compile their programs when they start, for which they
 * need the kernel's headers.
 */
const bccTools: readonly Tool[] = [
  {
    name: 'bcc tcptracer',
    prints: 'connect, accept, both closes',
    command: ['tcptracer-bpfcc'],
    eventLine: '^[CAX] +[0-9]+ ',
    linesPerConnection: 4,
  },
  {
    name: 'bcc tcplife',
    prints: 'both closes with bytes and duration',
    command: ['tcplife-bpfcc'],
    eventLine: '^[0-9]+ +.* [0-9.]+ +[0-9.]+ +[0-9.]+',
    linesPerConnection: 2,
  },
  {
    name: 'bcc tcpconnect',
    prints: 'connect',
    command: ['tcpconnect-bpfcc'],
    eventLine: '^[0-9]+ +.* [46] ',
    linesPerConnection: 1,
  },
];

/**
 * Tools whose name contains one of these texts, or is one of them.
 *
 * @param weir Path of the command's script.
 * @param bcc Whether the tools of bcc are among them.
 */
export function chooseTools(weir: string, names: readonly string[], bcc: boolean): readonly Tool[] {
  const tools = [...makeTools(weir), ...(bcc ? bccTools : [])];
  const isWanted = (name: string, text: string) =>
    tools.some((tool) => tool.name === text) ? name === text : name.includes(text);
  return tools.filter(({ name }) => names.some((text) => isWanted(name, text)));
}

function makeTools(weir: string): readonly Tool[] {
  const trace = ['node', weir, 'trace', '--no-summary'];
  return [
    {
      name: 'weir trace --json',
      prints: 'connect, accept, both closes with counters',
      command: [...trace, '--json'],
      eventLine: '"event":"(connect|accept|close)"',
      linesPerConnection: 4,
      readyFd: true,
    },
    {
      name: 'weir trace',
      prints: 'the same as text',
      command: trace,
      eventLine: ' (connect|accept|close) ',
      linesPerConnection: 4,
      readyFd: true,
    },
    {
      name: 'tcptracer',
      prints: 'connect, accept, both closes',
      command: ['tcptracer'],
      eventLine: '^[CAX] +[0-9]+ ',
      linesPerConnection: 4,
    },
    {
      name: 'tcplife',
      prints: 'both closes with bytes and duration',
      command: ['tcplife'],
      eventLine: '^[0-9]+ +.* [0-9.]+ +[0-9.]+ +[0-9.]+',
      linesPerConnection: 2,
    },
    {
      name: 'tcpconnect',
      prints: 'connect',
      command: ['tcpconnect'],
      eventLine: '^[0-9]+ +.* [46] ',
      linesPerConnection: 1,
    },
    {
      name: 'bpftrace lifecycle',
      prints: 'connect, accept, both closes: pid and name only',
      command: ['bpftrace', '-e', lifecycle],
      eventLine: '^(connect|accept|close) [0-9]+ ',
      linesPerConnection: 4,
    },
    {
      name: 'bpftrace state changes',
      prints: 'every TCP state change: pid, name, port',
      command: ['bpftrace', '-e', stateChanges],
      eventLine: '^state [0-9]+ ',
      // Client and server: to SYN_SENT or SYN_RECV, to ESTABLISHED, and three changes each to CLOSE.
      linesPerConnection: 10,
    },
  ];
}
