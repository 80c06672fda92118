/** The command `weir-bpf2ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultRuntime, generate } from './generate.js';

const usage = `Usage: weir-bpf2ts OBJECT [-o FILE] [--check] [--runtime MODULE]

Writes typed TypeScript for the maps, globals and shared structs of a compiled
BPF object, from the types in its .BTF section.

  -o, --output FILE   write there instead of standard output
      --check         write nothing; fail if FILE differs from what would be written
      --runtime MODULE
                      import helpers from MODULE (default ${defaultRuntime})
  -h, --help          show this text
`;

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
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
  const text = generate(readFileSync(object), basename(object), values.runtime);
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
