/** The schema of names for peers. */
import { absolutePath, prefix } from '@weir/config';
import { z } from 'zod';
import { DEFAULT_CLOUD_NAME } from './cloud-ranges.js';
import { NAME_RULE, nameProblem } from './group-name.js';

const groupName = z.string().refine((name) => !nameProblem(name), { error: NAME_RULE });

const networkFile = z.strictObject({
  path: absolutePath.describe(
    'A file of lines such as 10.1.2.0/24,db; or the ranges of Amazon, Google or Microsoft as they publish them.',
  ),
  name: z
    .string()
    .min(1)
    .max(64)
    .default(DEFAULT_CLOUD_NAME)
    .describe(
      `The name of a cloud's ranges, with {provider}, {service} and {region}. Default ${DEFAULT_CLOUD_NAME}.`,
    ),
});

/** Names for networks. */
export const networksSchema = z.strictObject({
  groups: z
    .record(groupName, z.array(prefix).min(1).max(4096))
    .default({})
    .describe('Prefixes by the name of their group, such as db: [10.1.2.0/24]. The longest prefix counts.'),
  files: z
    .array(networkFile)
    .max(32)
    .default([])
    .describe('Files with more of them, which are read again when they change.'),
});

/** Countries and autonomous systems of public addresses. */
export const geoSchema = z.strictObject({
  country: absolutePath
    .exactOptional()
    .describe("A file in MaxMind's format with countries, such as GeoLite2-Country.mmdb or -City.mmdb."),
  asn: absolutePath.exactOptional().describe('One with autonomous systems, such as GeoLite2-ASN.mmdb.'),
});

/** Pods and Services of a cluster. */
export const kubernetesSchema = z.strictObject({
  server: z
    .string()
    .regex(/^https?:\/\/[^\s/?#]+\/?$/)
    .exactOptional()
    .describe(
      'The API server, such as https://10.0.0.1:6443. Default: that of the cluster of which this is a pod.',
    ),
  tokenFile: absolutePath
    .exactOptional()
    .describe("A file with a token, read for each request. Default: that of the pod's service account."),
  ca: absolutePath
    .exactOptional()
    .describe(
      "A PEM file with the authorities that sign the API server's certificate. Default: that of the pod.",
    ),
});

/** What is known of peers. */
export interface NamingConfig {
  readonly networks: z.output<typeof networksSchema>;
  readonly geo: z.output<typeof geoSchema>;
  readonly kubernetes?: z.output<typeof kubernetesSchema>;
}
