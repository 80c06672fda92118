/** In the place of node:module, in modules that load CommonJS by name: those packages are in the same script. */

import { loadNative } from './native.js';

/** esbuild puts the packages there where these calls are. */
const inside: Readonly<Record<string, () => unknown>> = {
  // Loaded by its file first; the second way says why that failed.
  koffi: () => loadNative('koffi.node'),
  commander: () => require('commander'),
  'ipaddr.js': () => require('ipaddr.js'),
};

export function createRequire(_from: string | URL): NodeJS.Require {
  const load = (name: string): unknown => {
    const file = /[^/]+\.node$/.exec(name)?.[0];
    return file === undefined ? (name in inside ? inside[name]!() : require(name)) : loadNative(file);
  };
  return Object.assign(load, { resolve: (name: string) => name }) as unknown as NodeJS.Require;
}
