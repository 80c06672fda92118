/** What the completion scripts are made from: commander's command tree, reduced to what shells need. */
import type { Command, Option } from 'commander';

/** What an option's value is, so far as a shell can offer candidates. */
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
  /** Words for the command's operand. */
  readonly operands: readonly string[];
  readonly commands: readonly CompletionCommand[];
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
  const operands = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  const siblings = command.name() === 'help' && parent ? help.visibleCommands(parent) : undefined;
  return {
    name: command.name(),
    description: command.summary() || command.description(),
    options: help.visibleOptions(command).map((option) => describe(option, lists)),
    operands: siblings?.map((sibling) => sibling.name()) ?? operands,
    commands: commands.map((child) => completionTree(child, lists, command)),
  };
}

function describe(option: Option, lists: WordLists): CompletionOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const base = { flags, description: option.description };
  if (!option.required && !option.optional) return base;
  const placeholder = /<[^>]+>/.exec(option.flags)?.[0] ?? '';
  const list = lists[placeholder];
  const words = list ?? option.argChoices ?? [];
  const kind = words.length > 0 ? 'words' : (kinds[placeholder] ?? 'other');
  return { ...base, value: { kind, words, list: list !== undefined } };
}
