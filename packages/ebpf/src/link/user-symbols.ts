/** Functions of executable files and libraries: where they lie in the file. */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { SymbolBind } from '../elf/elf-constants.js';
import { ExecutableFile, type FunctionSymbol } from '../elf/executable.js';
import { EbpfError, SyscallError } from '../errors.js';
import { errnoOf } from '../features/kernel-files.js';
import { nearest } from '../nearest.js';
import { debugFileOf, debugFolders } from './debug-file.js';
import { mappedFile, reachablePath } from './process-files.js';

const libraryFolders: readonly string[] = [
  '/usr/local/lib',
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
  `/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
  ...['/usr/lib64', '/lib64', '/usr/lib', '/lib'],
];

/**
 * The file that a name stands for: a path as it is, a library's name where libraries lie, any other name where programs do.
 * @param pid A name without a `/` is that of a file which this process runs, in the process's own root.
 * @throws EbpfError where there is none.
 */
export function executablePath(name: string, pid?: number): string {
  if (pid !== undefined && !name.includes('/')) return reachablePath(pid, mappedFile(pid, name));
  if (name.includes('/')) {
    if (existsSync(name)) return name;
    throw new EbpfError(`there is no file ${name}`);
  }
  const isLibrary = /\.so(\.|$)/.test(name);
  const listed = (isLibrary ? process.env.LD_LIBRARY_PATH : process.env.PATH) ?? '';
  const usual = isLibrary ? libraryFolders : ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  const folders = [...listed.split(':').filter((folder) => folder !== ''), ...usual];
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined)
    throw new EbpfError(`there is no file ${name} in ${[...new Set(folders)].join(', ')}`);
  return found;
}

/** Opens an executable. @throws EbpfError where there is no such file; FormatError; SyscallError */
export function openExecutable(path: string): ExecutableFile {
  try {
    return new ExecutableFile(path);
  } catch (error) {
    if (error instanceof EbpfError) throw error;
    const errno = errnoOf(error);
    if (errno === constants.errno.ENOENT) throw new EbpfError(`there is no file ${path}`);
    throw new SyscallError('open', errno, path);
  }
}

/**
 * Where a function's code lies in the file, in bytes. A stripped file's functions are looked up in its debug file.
 * @param symbol As the file spells it; with a version `name@VERSION`, and only the default one with `name@@VERSION`.
 * @param folders Where debug files lie.
 * @throws EbpfError where the file defines no such function, or several; FormatError; SyscallError
 */
export function symbolOffset(path: string, symbol: string, folders = debugFolders): number {
  using file = openExecutable(path);
  return file.fileOffset(functionAddress(file, symbol, folders), symbol);
}

/**
 * The functions whose names fit a pattern, in which `*` stands for any text and `?` for any letter, by name: where their code lies in the
 * file, in bytes. Functions that share their code are there once.
 * @throws EbpfError where there is none; FormatError; SyscallError
 */
export function symbolOffsetsLike(
  path: string,
  pattern: string,
  folders = debugFolders,
): ReadonlyMap<string, number> {
  using file = openExecutable(path);
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`);
  const byAddress = new Map<number, string>();
  for (const { name, address } of allFunctions(file, folders))
    if (expression.test(name) && !byAddress.has(address)) byAddress.set(address, name);
  if (byAddress.size === 0)
    throw new EbpfError(`${path} defines no function like ${pattern}${strippedNote(file, folders)}`);
  return new Map(
    [...byAddress].map(([address, name]) => [name, file.fileOffset(address, name)] as const).sort(byName),
  );
}

function byName([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : 1;
}

/** The functions of a file, then those of its debug file. @param name Only those of this name. */
function* allFunctions(
  file: ExecutableFile,
  folders: readonly string[],
  name?: string,
): Generator<FunctionSymbol, void, undefined> {
  yield* file.functions(name);
  const debugFile = file.hasSymbolTable ? undefined : debugFileOf(file, folders);
  if (debugFile === undefined) return;
  using symbols = openExecutable(debugFile);
  yield* symbols.functions(name);
}

function functionAddress(file: ExecutableFile, symbol: string, folders: readonly string[]): number {
  const [name = symbol, version] = symbol.split(/@@?/);
  const onlyDefault = symbol.includes('@@');
  const found = [...allFunctions(file, folders, name)].filter(
    (candidate) =>
      version === undefined || (candidate.version === version && (!onlyDefault || candidate.isDefault)),
  );
  if (found.length === 0) throw new EbpfError(missing(file, symbol, folders));
  const best = strongest(found);
  const addresses = new Set(best.map(({ address }) => address));
  if (addresses.size === 1) return best[0]!.address;
  const all = best.map(({ address, version: own }) => `0x${address.toString(16)}${own ? `@${own}` : ''}`);
  throw new EbpfError(
    `${file.path} defines several functions ${symbol}: at ${all.join(', ')}; give the version, or the offset in the file`,
  );
}

/** Default versions before others, then global symbols before weak ones and those before local ones: as the linker prefers them. */
function strongest(symbols: readonly FunctionSymbol[]): readonly FunctionSymbol[] {
  const rank = ({ isDefault, bind }: FunctionSymbol): number =>
    (isDefault ? 4 : 0) + (bind === SymbolBind.global ? 2 : bind === SymbolBind.local ? 0 : 1);
  const best = Math.max(...symbols.map(rank));
  return symbols.filter((symbol) => rank(symbol) === best);
}

function missing(file: ExecutableFile, symbol: string, folders: readonly string[]): string {
  const length = symbol.split('@', 1)[0]!.length;
  const alike = [...allFunctions(file, folders)]
    .map(({ name }) => name)
    .filter((name) => Math.abs(name.length - length) <= 3);
  const close = nearest(symbol, new Set(alike));
  const hint = close === undefined ? '' : `; there is ${close}`;
  return `${file.path} defines no function ${symbol}${strippedNote(file, folders)}${hint}`;
}

function strippedNote(file: ExecutableFile, folders: readonly string[]): string {
  if (file.hasSymbolTable || debugFileOf(file, folders) !== undefined) return '';
  const id = file.buildId;
  return ` (it has no symbol table, and no debug file${id === undefined ? '' : ` of build id ${id}`} is below ${folders.join(' or ')})`;
}
