/** The completion script for fish. */
import type { CompletionCommand, CompletionOption, CompletionValue } from './tree.js';

export function fishScript(root: CompletionCommand): string {
  const start = `complete -c ${root.name}`;
  const noCommand = `-n ${quote(`not __fish_seen_subcommand_from ${root.commands.map(({ name }) => name).join(' ')}`)}`;
  const lines = [
    `# fish completion for ${root.name}`,
    `${start} -f`,
    ...root.commands.map(
      ({ name, description }) => `${start} ${noCommand} -a ${name} -d ${quote(description)}`,
    ),
    ...root.options.map((option) => `${start} ${noCommand} ${flags(option)}`),
    ...root.commands.flatMap((command) => commandLines(start, command)),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(start: string, command: CompletionCommand): string[] {
  const inside = `${start} -n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`;
  const operands = command.operands.length === 0 ? [] : [`${inside} -a ${quote(command.operands.join(' '))}`];
  return [...operands, ...command.options.map((option) => `${inside} ${flags(option)}`)];
}

function flags(option: CompletionOption): string {
  const names = option.flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  const value = option.value === undefined ? [] : [action(option.value)];
  return [...names, ...value, `-d ${quote(option.description)}`].join(' ');
}

function action(value: CompletionValue): string {
  switch (value.kind) {
    case 'words':
      return value.list
        ? `-x -a ${quote(`(__fish_append , ${value.words.join(' ')})`)}`
        : `-x -a ${quote(value.words.join(' '))}`;
    case 'file':
      return '-r -F';
    case 'directory':
      return `-x -a ${quote('(__fish_complete_directories)')}`;
    case 'pid':
      return `-x -a ${quote('(__fish_complete_pids)')}`;
    case 'user':
      return `-x -a ${quote('(__fish_complete_users)')}`;
    case 'netns':
      return `-x -a ${quote('(path basename /run/netns/*)')}`;
    case 'other':
      return '-x';
  }
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
