/** A curve of block characters (U+2581 … U+2588). */

const blocks = '▁▂▃▄▅▆▇█';

/**
 * The last `width` values, each as a block as high as its share of `most`; the lowest is for nothing at all. Fewer values
 * stand at the right.
 */
export function sparkline(values: readonly number[], width: number, most = Math.max(0, ...values)): string {
  const shown = values.slice(-width);
  const curve = shown.map((value) => {
    if (!(value > 0)) return blocks[0];
    const level = Math.ceil((Math.min(value, most) / most) * (blocks.length - 1));
    return blocks[Math.max(1, level)];
  });
  return ' '.repeat(Math.max(0, width - shown.length)) + curve.join('');
}
