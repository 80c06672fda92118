/** Manual pages from the pages of `docs`: the Markdown that these use, and no more. Pure. */

/** Text of roff: no backslash and no leading dot of the page's own has a meaning. */
function escapeRoff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}

/** Code in bold, emphasis in italics, links as their text. */
function inline(text: string): string {
  const parts = text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .map((part) => {
      const marked = /^(?:`([^`]+)`|\*\*([^*]+)\*\*)$/s.exec(part);
      return marked === null ? escapeRoff(part) : `\\fB${escapeRoff(marked[1] ?? marked[2]!)}\\fR`;
    });
  return parts.join('').replace(/^([.'])/, '\\&$1');
}

function cells(row: string): string[] {
  return row
    .replace(/^\||\|\s*$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** A row becomes an item: what is in the first column, and below it the rest. */
function tableItems(rows: readonly string[]): string[] {
  const [, , ...body] = rows;
  return body.flatMap((row) => {
    const [first, ...rest] = cells(row);
    return ['.TP', inline(first!), inline(rest.filter(Boolean).join('; ')) || '\\&'];
  });
}

const isTable = (line: string) => line.startsWith('|');
const isCode = (line: string) => /^( {4}|\t)/.test(line);

class Page {
  readonly #lines: readonly string[];
  readonly #out: string[] = [];
  #at = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  convert(): string[] {
    while (this.#at < this.#lines.length) this.#block(this.#lines[this.#at]!);
    return this.#out;
  }

  /** Lines from here on for as long as they belong together. */
  #run(belongs: (line: string) => boolean): string[] {
    const start = this.#at;
    while (this.#at < this.#lines.length && belongs(this.#lines[this.#at]!)) this.#at++;
    return this.#lines.slice(start, this.#at);
  }

  #code(lines: readonly string[]): void {
    this.#out.push('.PP', '.RS 4', '.nf', ...lines.map((line) => escapeRoff(line) || '\\&'), '.fi', '.RE');
  }

  #block(line: string): void {
    const heading = /^(#{2,})\s+(.*)$/.exec(line);
    const item = /^(?:[-*]|\d+\.)\s+/.exec(line);
    if (line.trim() === '' || /^#\s/.test(line) || /^!\[/.test(line)) this.#at++;
    else if (heading !== null) {
      const title = inline(heading[2]!);
      this.#out.push(heading[1] === '##' ? `.SH ${title.toUpperCase()}` : `.SS ${title}`);
      this.#at++;
    } else if (line.startsWith('```')) {
      this.#at++;
      this.#code(this.#run((each) => !each.startsWith('```')));
      this.#at++;
    } else if (isCode(line)) this.#code(this.#run(isCode).map((each) => each.slice(4)));
    else if (isTable(line)) this.#out.push(...tableItems(this.#run(isTable)));
    else if (item !== null) {
      const first = line.slice(item[0].length);
      this.#at++;
      const rest = this.#run((each) => /^\s{2,}\S/.test(each)).map((each) => each.trim());
      this.#out.push('.IP \\(bu 2', inline([first, ...rest].join(' ')));
    } else {
      const text = this.#run((each) => each.trim() !== '' && !/^(#{1,}\s|```|\||[-*]\s)/.test(each));
      this.#out.push('.PP', inline(text.join(' ')));
    }
  }
}

/**
 * The manual page of a command.
 *
 * @param command Such as `weir trace`.
 * @param summary What it does, in a line: `apropos` finds it by that.
 */
export function manPage(command: string, summary: string, markdown: string, version: string): string {
  const name = command.replace(' ', '-');
  const head = [
    `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "" "weir ${version}" "Weir"`,
    // Long words in lines of code are better than hyphens in them.
    '.nh',
    '.ad l',
    '.SH NAME',
    `${escapeRoff(name)} \\- ${escapeRoff(summary)}`,
  ];
  return `${[...head, ...new Page(markdown.split('\n')).convert()].join('\n')}\n`;
}
