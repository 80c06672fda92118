/** The command `weir-bpf2ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultRuntime, generate } from './generate.js';
import type { OutputFormat } from './output-format.js';

const usage = `Usage: weir-bpf2ts OBJECT [-o FILE] [--decoders] [--format FORMAT] [--check] [--runtime MODULE]

Writes a module that holds a compiled BPF object and loads it: its maps, global
variables and programs with types, from the object's .BTF section.

  -o, --output FILE   write there instead of standard output
      --decoders      leave the object out: only decoders of its types
      --format FORMAT ts, esm (JavaScript for import) or cjs (JavaScript for
                      require). Default: what FILE ends with (.ts, .mts, .js,
                      .mjs, .cjs), else ts
      --check         write nothing; fail if FILE differs from what would be written
      --runtime MODULE
                      import helpers from MODULE (default ${defaultRuntime})
  -h, --help          show this text
`;

const formats: ReadonlyMap<string, OutputFormat> = new Map([
  ...(['ts', 'esm', 'cjs'] as const).map((format) => [format, format] as const),
  ['.js', 'esm'],
  ['.mjs', 'esm'],
  ['.cjs', 'cjs'],
]);

function formatOf(wanted: string | undefined, output: string | undefined): OutputFormat {
  if (wanted === undefined) return formats.get(extname(output ?? '')) ?? 'ts';
  const format = wanted.startsWith('.') ? undefined : formats.get(wanted);
  if (format === undefined) throw new Error(`--format is ${wanted}: expected ts, esm or cjs`);
  return format;
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      decoders: { type: 'boolean' },
      format: { type: 'string' },
      check: { type: 'boolean' },
      runtime: { type: 'string', default: defaultRuntime },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const [object, ...more] = positionals;
  if (object === undefined || more.length > 0) throw new Error('name exactly one object file; see --help');
  if (values.check === true && values.output === undefined) throw new Error('--check needs --output');
  const text = generate(readFileSync(object), basename(object), {
    runtime: values.runtime,
    format: formatOf(values.format, values.output),
    embed: values.decoders !== true,
  });
  if (values.output === undefined) {
    process.stdout.write(text);
  } else if (values.check !== true) {
    writeFileSync(values.output, text);
  } else if (readFileSync(values.output, 'utf8') !== text) {
    throw new Error(`${values.output} is not what ${object} gives: generate it again`);
  }
  return 0;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`weir-bpf2ts: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
