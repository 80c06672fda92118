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
    ...root.commands.flatMap((command) => commandLines(start, command, [])),
  ];
  return `${lines.join('\n')}\n`;
}

/** @param above the commands that it is below. */
function commandLines(start: string, command: CompletionCommand, above: readonly string[]): string[] {
  const { name, commands, operand } = command;
  const seen = [...above, name].map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
  const inside = `${start} -n ${quote(seen)}`;
  const before = `not __fish_seen_subcommand_from ${commands.map((child) => child.name).join(' ')}`;
  const here = commands.length === 0 ? inside : `${start} -n ${quote(`${seen}; and ${before}`)}`;
  return [
    ...(operand === undefined ? [] : [`${inside} ${operandAction(operand)}`]),
    ...commands.map((child) => `${here} -a ${child.name} -d ${quote(child.description)}`),
    ...command.options.map((option) => `${here} ${flags(option)}`),
    ...commands.flatMap((child) => commandLines(start, child, [...above, name])),
  ];
}

function operandAction(value: CompletionValue): string {
  return value.kind === 'file' ? '-F' : `-a ${quote(value.words.join(' '))}`;
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
