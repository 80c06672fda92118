/** What the schema alone does not see of exporters. Pure. */
import type { Finding } from '@weir/config';
import { type ExporterConfig, exporterName } from './exporters-schema.js';
import { filterFindings } from './record-filter.js';

/** Names and files that occur twice, filters that make no sense, halves of what belongs together. */
export function exporterFindings(exporters: readonly ExporterConfig[]): Finding[] {
  const names = exporters.map(exporterName);
  const files = exporters.map((each) => (each.type === 'file' ? each.path : undefined));
  return exporters.flatMap((each, index): Finding[] => {
    const path = ['exporters', index];
    const found: Finding[] = [];
    if (names.indexOf(names[index]!) < index)
      found.push({ path, message: `exporters: two are called ${names[index]}: give each a name` });
    if (files[index] !== undefined && files.indexOf(files[index]) < index)
      found.push({ path: [...path, 'path'], message: `path: two exporters write ${files[index]}` });
    return [...found, ...filterFindings(each.filter, [...path, 'filter']), ...tlsFindings(each, path)];
  });
}

function tlsFindings(exporter: ExporterConfig, path: Finding['path']): Finding[] {
  const tls = 'tls' in exporter ? exporter.tls : undefined;
  if (tls === undefined) return [];
  const at = [...path, 'tls'];
  if ((tls.certificate === undefined) !== (tls.key === undefined))
    return [{ path: at, message: 'tls: a certificate and its key belong together' }];
  if ('to' in exporter && exporter.to.kind !== 'tls')
    return [{ path: at, message: `tls: ${exporter.to.kind} has none: write tls:// before the host` }];
  return [];
}
