/** `weir doctor` on the command line. */
import { Command, Option } from '../commander.js';
import { type ColourMode, colourModes } from '../text/colour.js';

/** Parsed flags, by commander's names. */
export interface DoctorFlags {
  readonly json?: boolean;
  /** The file to make; true for the one of the default name. */
  readonly bundle?: string | true;
  readonly color: ColourMode;
  readonly btf?: string;
  readonly offsets?: boolean;
  readonly debug?: boolean;
}

const examples = `
Examples:
  weir doctor            what this kernel offers, in words
  weir doctor --json     the same for programs
  weir doctor --offsets  also where each field of the kernel is; beside the kernel's own, where there are types

The exit status is 0 if "weir trace" would work here and now, else 1.`;

/** Builds the command; `action` runs with its parsed flags. */
export function doctorCommand(action: (flags: DoctorFlags) => Promise<void>): Command {
  const command = new Command('doctor')
    .summary('show what this kernel offers, what weir trace would use, and why')
    .description('Shows what this kernel offers, what weir trace would use, and why.')
    .addHelpText('after', examples)
    .allowExcessArguments(false)
    .optionsGroup('Output:')
    .option('--json', 'print one JSON object')
    .option('--bundle [file]', 'pack what a bug report needs into a .tar.gz; - is standard output')
    .addOption(new Option('--color <when>', 'colour the text').choices(colourModes).default('auto'))
    .optionsGroup('Tracer:')
    .option(
      '--btf <file>',
      'the kernel’s types: raw BTF, or a .btf.tar.xz of BTFHub; "discover" finds them out',
    )
    .option('--offsets', 'print where each field of the kernel is, and how that is known')
    .optionsGroup('General:')
    .option('--debug', 'on errors, show the stack and the verifier log')
    .helpOption('-h, --help', 'show this help');
  return command.action(() => action(command.opts<DoctorFlags>()));
}
