/** `weir completion` on the command line. */
import { Argument, Command } from '../commander.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const examples = `
Examples:
  source <(weir completion bash)                                    in ~/.bashrc
  weir completion zsh > "\${fpath[1]}/_weir"                         once, for zsh
  weir completion fish > ~/.config/fish/completions/weir.fish       once, for fish`;

/** Builds the command; `action` runs with the shell's name. */
export function completionCommand(action: (shell: Shell) => Promise<void>): Command {
  return new Command('completion')
    .summary('print the completion script of a shell')
    .description("Prints a script that completes weir's commands, options and their values in a shell.")
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .addHelpText('after', examples)
    .allowExcessArguments(false)
    .helpOption('-h, --help', 'show this help')
    .action(action);
}
