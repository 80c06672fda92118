/** Numbers of devices. */

/** Major and minor number of a device as stat(2) shows it. */
export function deviceNumbers(shown: number): [major: number, minor: number] {
  return [(shown >>> 8) & 0xfff, (shown & 0xff) | ((shown >>> 12) & 0xfff00)];
}
