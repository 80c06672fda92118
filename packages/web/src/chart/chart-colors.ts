/** Colours of the page for canvases, which know no styles. */

/** A custom property of the page, such as `--series-1`. */
export type ColorName = `--${string}`;

/** The colour that a property has now. */
export function colorOf(name: ColorName): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || '#888';
}

/** Diagonal lines, for what is not known. */
export function hatching(context: CanvasRenderingContext2D, color: string, size = 6): CanvasPattern | null {
  const tile = document.createElement('canvas');
  const pixels = size * devicePixelRatio;
  tile.width = pixels;
  tile.height = pixels;
  const draw = tile.getContext('2d');
  if (draw === null) return null;
  draw.strokeStyle = color;
  draw.lineWidth = devicePixelRatio;
  draw.beginPath();
  // Three lines, so that corners have no gap.
  for (const shift of [-pixels, 0, pixels]) {
    draw.moveTo(shift - 1, pixels + 1);
    draw.lineTo(shift + pixels + 1, -1);
  }
  draw.stroke();
  return context.createPattern(tile, 'repeat');
}
