/** The one process of `weir serve --read`: it needs no privileges, and keeps none. */
import { OptionError } from '@weir/ebpf/errors';
import { limitMemory } from '@weir/ebpf/sys';
import type { ServeConfig } from '../config/serve-schema.js';
import { readPage } from '../page/read-page.js';
import { publishAddresses } from './addresses.js';
import { servePaths } from './paths.js';
import { claimFolder, prepareFolder } from './prepare-folder.js';
import { becomeUser, serviceUser } from './service-user.js';

/** What it is started with. */
export interface ReadRequest {
  readonly config: ServeConfig & { readonly read: NonNullable<ServeConfig['read']> };
  /** Version of Weir. */
  readonly version: string;
  /** Descriptors of sockets that listen already, instead of the configuration's addresses. */
  readonly inherited?: readonly number[];
  /** The folder of the page's files. */
  readonly pageFolder: string;
}

/** Its surroundings. */
export interface ReadHost {
  /** Prints a line for whoever runs the service. */
  readonly say: (line: string) => void;
  /** Called once it answers. */
  readonly onReady: () => void;
  /** Given what makes it use another configuration, as far as it can while it runs; it throws OptionError. */
  readonly onStarted?: (reload: (config: ServeConfig) => Promise<void>) => void;
  /** Resolves when the service is to end. */
  readonly signalled: Promise<unknown>;
}

/** Memory that the process may write to, imported files aside: those have processes of their own. */
const MOST_BYTES = 2 * 2 ** 30;

/**
 * Answers until the service is to end.
 *
 * @throws OptionError for a configuration that makes no sense here, or with which the database cannot be read; Error of the system
 */
export async function runReadServer(request: ReadRequest, host: ReadHost): Promise<void> {
  const { config, version, inherited, pageFolder } = request;
  const { say } = host;
  const paths = servePaths(config.folder);
  const user = process.geteuid?.() === 0 ? serviceUser(config.user) : undefined;
  prepareFolder(paths, user);
  using _claim = claimFolder(paths.folder);
  // Before it becomes a user who may not read them. The collector has this file, too, but not the history with its database.
  const [{ ReadServer }, { UnreadableDatabaseError }, page] = await Promise.all([
    import('./read-server.js'),
    import('@weir/history'),
    readPage(pageFolder, say),
    import('./reading.js').then(({ loadReading }) => loadReading()),
  ]);
  process.umask(0o077);
  if (user !== undefined) becomeUser(user);
  limitMemory(MOST_BYTES);
  try {
    await using server = await ReadServer.start({
      config: { ...config, folder: paths.server },
      version,
      localSocket: paths.api,
      ...(inherited !== undefined && { inherited }),
      ...(page !== undefined && { page }),
      publish: (urls) => publishAddresses(paths, urls),
      onProblem: say,
    });
    for (const url of server.urls) say(`answers at ${url}`);
    host.onStarted?.(async (next) => {
      const left = server.reload({ ...next, folder: paths.server });
      if (left.length > 0) say(`${left.join(', ')}: only a restart of weir serve changes that`);
    });
    host.onReady();
    await host.signalled;
  } catch (error) {
    if (error instanceof UnreadableDatabaseError) throw new OptionError(error.message, { cause: error });
    throw error;
  }
}
