/**
 * Builds the API pages, or with `--check` only looks for what is missing in them. Any warning is a failure.
 *
 * TypeDoc looks for types that are not exported in one package of a project only, so each package has its turn.
 */
import { Application, TSConfigReader, TypeDocReader } from 'typedoc';

/** Per package, the tables and the machinery of which only the names, or the members, are public. */
const packages = {
  '@weir/ebpf': [
    'featureDefinitions',
    'Numbers',
    'names',
    'x64',
    'attrLayouts',
    'KernelStruct',
    'FieldInputs',
    'Attachment',
  ],
  '@weir/tracer': ['definitions', 'TcpState', 'WordColumn', 'EventFlag', 'NumberMember'],
  '@weir/balancer': ['reasonNames', 'flagBits', 'verdicts', 'configSchema', 'sourceSchema', 'sourceKinds'],
  '@weir/server': ['serveSchema'],
};

const app = await Application.bootstrapWithPlugins({}, [new TypeDocReader(), new TSConfigReader()]);
const project = await app.convert();
if (project !== undefined) {
  const { packageName } = project;
  for (const [name, intentionallyNotExported] of Object.entries(packages)) {
    project.packageName = name;
    app.options.setValue('intentionallyNotExported', intentionallyNotExported);
    app.validate(project);
  }
  project.packageName = packageName;
  if (!process.argv.includes('--check')) await app.generateOutputs(project);
}
const { errorCount, warningCount } = app.logger;
process.exitCode = project === undefined || errorCount + warningCount > 0 ? 1 : 0;
