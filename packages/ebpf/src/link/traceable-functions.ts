/** Kernel functions by a pattern of their names. */
import { join } from 'node:path';
import { readText } from '../features/kernel-files.js';
import { kernelSymbols } from '../features/symbols.js';
import { tracefs } from './tracefs.js';

/**
 * The functions that probes can be put on and whose names fit a pattern, each once.
 * @param pattern `*` stands for any text, `?` for any letter.
 * @throws UnsupportedError, UnknownFeatureError where tracefs, which lists them, cannot be read.
 */
export function functionsLike(pattern: string): readonly string[] {
  return matchingFunctions(pattern, traceable(), (name) => kernelSymbols().hasFunction(name));
}

/**
 * Names that fit a pattern.
 * @param list Lines of a name, for modules' functions followed by the module: available_filter_functions of tracefs.
 * @param exists The list also has functions of sections that the kernel has freed, under names that no symbol has.
 */
export function matchingFunctions(
  pattern: string,
  list: string,
  exists: (name: string) => boolean,
): readonly string[] {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '\\S*')
    .replaceAll('?', '\\S');
  const names = new Set<string>();
  for (const [, name] of list.matchAll(new RegExp(`^(${source})(?=\\s|$)`, 'gm'))) names.add(name!);
  return [...names].filter(exists).sort();
}

function traceable(): string {
  const file = readText(join(tracefs(), 'available_filter_functions'));
  return 'text' in file ? file.text : '';
}
