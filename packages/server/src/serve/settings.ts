/** Settings that the collector gives the server at its start. */
import type { ServeConfig } from '../config/serve-schema.js';
import type { ServiceUser } from './service-user.js';

/** Settings of the server, as JSON in the first line of its standard input. */
export interface ServerSettings {
  readonly config: ServeConfig;
  /** The user that it becomes; absent where it stays who it is. */
  readonly user?: ServiceUser;
  /** Descriptors of sockets that listen already, instead of the configuration's addresses. */
  readonly inherited?: readonly number[];
  /** Version of Weir. */
  readonly version: string;
}
