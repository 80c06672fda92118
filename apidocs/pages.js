/** The Markdown pages of the site: which belong together, and in what order they are read. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const docs = (...names) => names.map((name) => `docs/${name}.md`);
const readmes = (...folders) => folders.map((folder) => `${folder}/README.md`);

/** Paths from the checkout's root. */
export const pageGroups = {
  'Getting it': docs('install', 'containers', 'kubernetes', 'platforms'),
  Commands: docs('trace', 'top', 'query', 'serve', 'balance', 'doctor'),
  'Tracing and history': docs('filter', 'page', 'history', 'api', 'networks', 'fleet'),
  'Beside other tools': docs('prometheus', 'grafana', 'export', 'clickhouse'),
  Balancing: docs(
    'balance-guide',
    'balancer',
    'reals',
    'health',
    'bgp',
    'balance-api',
    'balance-sync',
    'mtu',
    'metrics',
  ),
  'The eBPF library': docs('ebpf/getting-started', 'ebpf/concepts', 'ebpf/programs', 'ebpf/support'),
  'How it works': docs('architecture', 'bench', 'discovery', 'centos8', 'lab', 'dependencies'),
  Libraries: readmes(
    ...['ebpf', 'tracer', 'balancer', 'history', 'server', 'web', 'http', 'config', 'cli'].map(
      (name) => `packages/${name}`,
    ),
    'examples',
  ),
  'The project': [
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'docs/release.md',
    ...readmes('release', 'bench', 'lab', 'lab/load'),
  ],
};

const listed = Object.values(pageGroups).flat();
const root = fileURLToPath(new URL('../', import.meta.url));

const unlisted = readdirSync(`${root}docs`)
  .map((name) => `docs/${name}`)
  .filter((path) => path.endsWith('.md') && !listed.includes(path));
if (unlisted.length > 0) throw new Error(`apidocs/pages.js: no group has ${unlisted.join(', ')}`);

/** Paths of all pages, in order. */
export const pagePaths = listed.map((path) => `${root}${path}`);

const groupOf = new Map(
  Object.entries(pageGroups).flatMap(([group, paths]) => paths.map((path) => [`${root}${path}`, group])),
);

/** The group and the file's name of the page that is made of a path: `docs/top.md` is top, `packages/ebpf/README.md` readme-packages-ebpf. */
export function placeOf(path) {
  const name = path
    .slice(root.length)
    .replace(/^docs\//, '')
    .replace(/^(.*)\/README\.md$/, 'readme/$1.md')
    .replace(/\.md$/, '')
    .toLowerCase()
    .replaceAll('/', '-');
  return { group: groupOf.get(path), name };
}
