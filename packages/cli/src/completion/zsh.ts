/** The completion script for zsh: works as a file in fpath and when sourced after compinit. */
import { type CompletionCommand, type CompletionOption, type CompletionValue, placed } from './tree.js';

export function zshScript(root: CompletionCommand): string {
  const name = root.name;
  return `#compdef ${name}
# zsh completion for ${name}
_weir_pids() { compadd - /proc/<->(N:t) }
${placed(root)
  .filter(({ command }) => command.commands.length > 0)
  .map(({ path, command }) => commandFunction(`_${name}_${path.replaceAll(' ', '_')}`, command))
  .join('')}${commandFunction(`_${name}`, root)}if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

/** Completes a command that has commands. */
function commandFunction(name: string, { commands, ...command }: CompletionCommand): string {
  return `${name}() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a commands
  _arguments -C \\
${argumentLines({ commands, ...command })}
    '1: :->command' \\
    '*:: :->rest' && return 0
  case $state in
    command)
      commands=(
${commands.map((child) => `        ${quote(`${child.name}:${child.description.replaceAll(':', '\\:')}`)}`).join('\n')}
      )
      _describe -t commands 'command' commands ;;
    rest)
      case $words[1] in
${commands.map((child) => commandCase(name, child)).join('\n')}
      esac ;;
  esac
}
`;
}

function commandCase(above: string, command: CompletionCommand): string {
  if (command.commands.length > 0) return `        ${command.name}) ${above}_${command.name} ;;`;
  const { operand } = command;
  const operands = operand === undefined ? [] : [`    ${quote(`1: :${action(operand)}`)}`];
  const lines = [argumentLines(command).replace(/ \\$/, ''), ...operands].filter((line) => line !== '');
  const specs = lines.join(' \\\n');
  return `        ${command.name}) _arguments -s${specs === '' ? '' : ` \\\n${specs.replace(/^/gm, '      ')}`} ;;`;
}

function argumentLines(command: CompletionCommand): string {
  return command.options.map((option) => `    ${argument(option)} \\`).join('\n');
}

/** One specification of _arguments, as in \`'*'{-p,--pid}'[only these processes]:pid:_pids'\`. */
function argument(option: CompletionOption): string {
  const { flags, value } = option;
  const names = flags.length === 1 ? flags[0]! : `{${flags.join(',')}}`;
  const description = `[${option.description.replace(/[[\]\\]/g, '\\$&')}]`;
  if (value === undefined)
    return `${flags.length === 1 ? '' : quote(`(${flags.join(' ')})`)}${names}${quote(description)}`;
  const label = flags.at(-1)!.replace(/^--/, '');
  return `${quote('*')}${names}${quote(`${description}:${label}:${action(value)}`)}`;
}

function action(value: CompletionValue): string {
  switch (value.kind) {
    case 'words':
      return value.list ? `_values -s , value ${value.words.join(' ')}` : `(${value.words.join(' ')})`;
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    case 'pid':
      return '_weir_pids';
    case 'user':
      return '_users';
    case 'netns':
      return '_files -W /run/netns';
    case 'other':
      return ' ';
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
