/** The source of a configuration. */
import type { VipConfig } from '../config/schema.js';
import type { SourceConfig } from '../config/source-schema.js';
import { consulSource } from './consul-source.js';
import { dnsSource } from './dns-source.js';
import { readFileSd } from './file-sd.js';
import { fileSource } from './file-source.js';
import { kubernetesSource } from './kubernetes-source.js';
import { readRealList } from './real-list.js';
import type { Source, SourceEvents } from './source.js';

/** Follows the source of a VIP's reals. @throws OptionError for one that cannot be asked from this host */
export function openSource(vip: VipConfig, { from }: SourceConfig, events: SourceEvents): Source {
  const { dns, file, fileSd, consul, kubernetes } = from;
  if (dns !== undefined) return dnsSource(dns, events);
  if (file !== undefined) return fileSource(file.path, readRealList, events);
  if (fileSd !== undefined) return fileSource(fileSd.path, readFileSd, events);
  if (consul !== undefined) return consulSource(consul, events);
  return kubernetesSource(kubernetes!, vip.address.includes(':') ? 'IPv6' : 'IPv4', events);
}
