/**
 * The completion script for bash. It offers no names of running commands: programs choose those, and compgen -W
 * expands its words as bash would.
 */
import type { CompletionCommand, CompletionOption, CompletionValue } from './tree.js';

export function bashScript(root: CompletionCommand): string {
  const name = root.name;
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
    case \${COMP_WORDS[index]} in
      ${root.commands.map((command) => command.name).join('|')}) command=\${COMP_WORDS[index]}; break ;;
    esac
  done
  COMPREPLY=()
  case "$command $previous" in
${root.commands.flatMap(valueCases).join('\n')}
  esac
  case $command in
${root.commands.map((command) => wordCase(command.name, command)).join('\n')}
${wordCase("''", root)}
  esac
}
complete -F _${name} ${name}
`;
}

/** What may stand in the place of a word: commands or operands; options after a dash, or if there is nothing else. */
function wordCase(pattern: string, command: CompletionCommand): string {
  const options = command.options.flatMap((option) => option.flags);
  const words = [...command.commands.map((child) => child.name), ...command.operands];
  if (words.length === 0) return `    ${pattern}) ${wordsReply(options)} ;;`;
  return `    ${pattern})
      if [[ $current == -* ]]; then
        ${wordsReply(options)}
      else
        ${wordsReply(words)}
      fi ;;`;
}

function valueCases(command: CompletionCommand): string[] {
  return command.options.flatMap((option) =>
    option.value === undefined ? [] : [`    ${pattern(command, option)}) ${reply(option.value)}; return ;;`],
  );
}

function pattern(command: CompletionCommand, option: CompletionOption): string {
  return option.flags.map((flag) => `'${command.name} ${flag}'`).join('|');
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
