/**
 * The completion script for bash. It offers no names of running commands: programs choose those, and compgen -W
 * expands its words as bash would.
 */
import {
  type CompletionCommand,
  type CompletionOption,
  type CompletionValue,
  type PlacedCommand,
  placed,
} from './tree.js';

export function bashScript(root: CompletionCommand): string {
  const name = root.name;
  const commands = placed(root);
  return `# bash completion for ${name}; load it with: source <(${name} completion bash)
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= index
  # Readline splits --option=value at the equals sign.
  if [[ $current == '=' ]]; then
    current=
  elif [[ $previous == '=' ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "$command\${command:+ }\${COMP_WORDS[index]}" in
      ${commands.map(({ path }) => `'${path}'`).join('|')}) command+=\${command:+ }\${COMP_WORDS[index]} ;;
    esac
  done
  COMPREPLY=()
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  case $command in
${commands.map(({ path, command }) => wordCase(`'${path}'`, command)).join('\n')}
${wordCase("''", root)}
  esac
}
complete -F _${name} ${name}
`;
}

/** The candidates for a word: commands or operands; options after a dash, or if there is nothing else. */
function wordCase(pattern: string, command: CompletionCommand): string {
  const options = command.options.flatMap((option) => option.flags);
  const other = operandReply(command);
  if (other === undefined) return `    ${pattern}) ${wordsReply(options)} ;;`;
  return `    ${pattern})
      if [[ $current == -* ]]; then
        ${wordsReply(options)}
      else
        ${other}
      fi ;;`;
}

function operandReply({ commands, operand }: CompletionCommand): string | undefined {
  if (commands.length > 0) return wordsReply(commands.map((child) => child.name));
  return operand === undefined ? undefined : reply(operand);
}

function valueCases({ path, command }: PlacedCommand): string[] {
  return command.options.flatMap((option) =>
    option.value === undefined ? [] : [`    ${pattern(path, option)}) ${reply(option.value)}; return ;;`],
  );
}

function pattern(path: string, option: CompletionOption): string {
  return option.flags.map((flag) => `'${path} ${flag}'`).join('|');
}

const listPrefix = `"\${current%"\${current##*,}"}"`;

function wordsReply(words: readonly string[]): string {
  return `mapfile -t COMPREPLY < <(compgen -W '${words.join(' ')}' -- "$current")`;
}

function reply(value: CompletionValue): string {
  switch (value.kind) {
    case 'words':
      return value.list
        ? `mapfile -t COMPREPLY < <(compgen -P ${listPrefix} -W '${value.words.join(' ')}' -- "\${current##*,}")`
        : wordsReply(value.words);
    case 'file':
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")';
    case 'directory':
      return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "\${current:-/sys/fs/cgroup/}")`;
    case 'pid':
      return 'mapfile -t COMPREPLY < <(cd /proc && compgen -W "$(echo [0-9]*)" -- "$current")';
    case 'user':
      return 'mapfile -t COMPREPLY < <(compgen -u -- "$current")';
    case 'netns':
      return 'mapfile -t COMPREPLY < <(cd /run/netns 2>/dev/null && compgen -f -- "$current")';
    case 'other':
      return ':';
  }
}
