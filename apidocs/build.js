/**
 * Builds the site: the pages of `docs/` and the API's, with a search, to be read without a server. With `--check` it only looks
 * for what is missing, and with a path it writes there. Any warning is a failure.
 *
 * TypeDoc looks for types that are not exported in one package of a project only, so each package has its turn.
 */
import { Application, TSConfigReader, TypeDocReader } from 'typedoc';
import { pagePaths } from './pages.js';
import { addPages } from './site-pages.js';

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

const [argument] = process.argv.slice(2);
const isCheck = argument === '--check';
const out = argument === undefined || isCheck ? {} : { out: argument };
const app = await Application.bootstrapWithPlugins({ projectDocuments: pagePaths, ...out }, [
  new TypeDocReader(),
  new TSConfigReader(),
]);
addPages(app);
const project = await app.convert();
if (project !== undefined) {
  const { packageName } = project;
  for (const [name, intentionallyNotExported] of Object.entries(packages)) {
    project.packageName = name;
    app.options.setValue('intentionallyNotExported', intentionallyNotExported);
    app.validate(project);
  }
  project.packageName = packageName;
  if (!isCheck) await app.generateOutputs(project);
}
const { errorCount, warningCount } = app.logger;
process.exitCode = project === undefined || errorCount + warningCount > 0 ? 1 : 0;
