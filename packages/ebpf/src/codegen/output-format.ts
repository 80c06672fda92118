/** Text of a module that becomes TypeScript, or JavaScript without what only TypeScript has. */

/** TypeScript, a JavaScript module, or a script for `require`. */
export type OutputFormat = 'ts' | 'esm' | 'cjs';

const open = '\u0001';
const close = '\u0002';
/** No text from an object has these: names are identifiers, or escaped. */
const typeMarks = new RegExp(`[${open}${close}]`, 'g');
const marked = new RegExp(`${open}[^${open}${close}]*${close}`);

/** Marks text that JavaScript does without. */
export function typeOnly(text: string): string {
  return `${open}${text}${close}`;
}

/** The module in a format, from text with marks. */
export function finish(text: string, format: OutputFormat): string {
  if (format === 'ts') return text.replace(typeMarks, '');
  let script = text;
  while (marked.test(script)) script = script.replaceAll(new RegExp(marked, 'g'), '');
  script = script.replaceAll(/\n{3,}/g, '\n\n').replaceAll(/\{\n\n/g, '{\n');
  return format === 'esm' ? script : commonJs(script);
}

function commonJs(script: string): string {
  const names = [...script.matchAll(/^export (?:const|function|class) (\w+)/gm)].map(([, name]) => name);
  const body = script
    .replaceAll(/^export /gm, '')
    .replace(/^import (\{.*\}) from (.*);$/m, 'const $1 = require($2);');
  return `${body}\nmodule.exports = {\n${names.map((name) => `  ${name},\n`).join('')}};\n`;
}
