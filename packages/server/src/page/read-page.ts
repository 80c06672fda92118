/** The page of a server, out of its folder. */
import { readPageFiles } from './page-files.js';
import { type Page, pageOf } from './page-response.js';

/** Reads it. Without its files, the API answers all the same. */
export async function readPage(folder: string, say: (line: string) => void): Promise<Page | undefined> {
  try {
    return pageOf(await readPageFiles(folder));
  } catch (error) {
    say(`there is no page, only the API: ${(error as Error).message}`);
    return undefined;
  }
}
