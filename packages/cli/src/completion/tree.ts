/** Commander's command tree, reduced to what the completion scripts of shells need. */
import type { Command, Option } from '../commander.js';

/** Kinds of values for which a shell can offer candidates, or not (`other`). */
export type ValueKind = 'words' | 'file' | 'directory' | 'pid' | 'user' | 'netns' | 'other';

export interface CompletionValue {
  readonly kind: ValueKind;
  /** For `words`. */
  readonly words: readonly string[];
  /** Whether values can be joined by commas. */
  readonly list: boolean;
}

export interface CompletionOption {
  /** Such as `-p`, `--pid`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** Absent on an option that takes none. */
  readonly value?: CompletionValue;
}

export interface CompletionCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletionOption[];
  /** Absent where there is none to offer. */
  readonly operand?: CompletionValue;
  readonly commands: readonly CompletionCommand[];
}

/** A command with the names that lead to it: `balance`, `balance status`. */
export interface PlacedCommand {
  readonly path: string;
  readonly command: CompletionCommand;
}

/** All commands below one, each before those below itself. */
export function placed({ commands }: CompletionCommand, above = ''): PlacedCommand[] {
  return commands.flatMap((command) => {
    const path = above + command.name;
    return [{ path, command }, ...placed(command, `${path} `)];
  });
}

/** Kinds by the placeholder that stands in the option's flags: `--btf <file>`. */
const kinds: Readonly<Record<string, ValueKind>> = {
  '<file>': 'file',
  '<cgroup>': 'directory',
  '<pid>': 'pid',
  '<user>': 'user',
  '<netns>': 'netns',
};

/** Words of options whose values are checked by a parser, by placeholder. */
export type WordLists = Readonly<Record<string, readonly string[]>>;

export function completionTree(command: Command, lists: WordLists = {}, parent?: Command): CompletionCommand {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const siblings = command.name() === 'help' && parent ? help.visibleCommands(parent) : undefined;
  const operand =
    siblings === undefined ? operandOf(command) : words(siblings.map((sibling) => sibling.name()));
  return {
    name: command.name(),
    description: command.summary() || command.description(),
    options: help.visibleOptions(command).map((option) => describe(option, lists)),
    ...(operand !== undefined && { operand }),
    commands: commands.map((child) => completionTree(child, lists, command)),
  };
}

function words(list: readonly string[]): CompletionValue {
  return { kind: 'words', words: list, list: false };
}

/** The values of the first operand that can be completed. */
function operandOf(command: Command): CompletionValue | undefined {
  for (const argument of command.registeredArguments) {
    if (argument.argChoices !== undefined) return words(argument.argChoices);
    const kind = kinds[`<${argument.name()}>`];
    if (kind !== undefined) return { kind, words: [], list: false };
  }
  return undefined;
}

function describe(option: Option, lists: WordLists): CompletionOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const base = { flags, description: option.description };
  if (!option.required && !option.optional) return base;
  const placeholder = /<[^>]+>/.exec(option.flags)?.[0] ?? '';
  const list = lists[placeholder];
  const choices = list ?? option.argChoices ?? [];
  const kind = choices.length > 0 ? 'words' : (kinds[placeholder] ?? 'other');
  return { ...base, value: { kind, words: choices, list: list !== undefined } };
}
