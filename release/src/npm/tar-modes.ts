/** Modes of files in tar archives that do not depend on the umask of whoever made the files. */

const BLOCK = 512;
/** Offsets and lengths in a header, and the sums' own bytes, which count as spaces. */
const fields = { mode: [100, 8], size: [124, 12], checksum: [148, 8] } as const;

type Field = (typeof fields)[keyof typeof fields];

function readOctal(header: Buffer, [offset, length]: Field): number {
  const text = header.toString('latin1', offset, offset + length);
  return Number.parseInt(/^[0-7 ]+/.exec(text)?.[0] ?? '', 8);
}

function writeOctal(header: Buffer, [offset, length]: Field, value: number): void {
  header.write(`${value.toString(8).padStart(length - 2, '0')} \0`, offset, 'latin1');
}

/** Gives each file the mode 755 if its owner may execute it, else 644. @throws Error where it is no tar archive. */
export function withPlainModes(archive: Buffer): Buffer {
  const bytes = Buffer.from(archive);
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const header = bytes.subarray(at, at + BLOCK);
    const [mode, size] = [readOctal(header, fields.mode), readOctal(header, fields.size)];
    if (Number.isNaN(mode) || Number.isNaN(size)) throw new Error(`no header of a tar archive at byte ${at}`);
    writeOctal(header, fields.mode, mode & 0o100 ? 0o755 : 0o644);
    const [offset, length] = fields.checksum;
    header.fill(' ', offset, offset + length);
    writeOctal(
      header,
      fields.checksum,
      header.reduce((sum, byte) => sum + byte, 0),
    );
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  return bytes;
}
