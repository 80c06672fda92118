/** The completion script of a shell for a command tree. */
import type { Command } from '../commander.js';
import { socketEvents } from '../trace/summary.js';
import { bashScript } from './bash.js';
import type { Shell } from './completion-command.js';
import { fishScript } from './fish.js';
import { type CompletionCommand, completionTree } from './tree.js';
import { zshScript } from './zsh.js';

const generators: Readonly<Record<Shell, (root: CompletionCommand) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export function completionScript(shell: Shell, program: Command): string {
  return generators[shell](completionTree(program, { '<events>': socketEvents }));
}
