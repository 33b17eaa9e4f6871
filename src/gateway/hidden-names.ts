// Which names are never handed out though their files are there: dotfiles, what editors and packages leave behind, and the source of programs. Pure.
//
// 1. Names are compared as other file systems and people read them: case, compatible letters and invisible ones do not count (".ＰＨＰ" is
//    ".php"). To run a program, its name has to end in the very bytes; see `protocol/http/path.ts`.
// 2. A name that ends as a program does is its source, if no route runs it.
//    So is one that ends as CGI programs do, or lies in a "cgi-bin", where its file may be executed.
// 3. A name that holds PHP's ending, and more after it, is a copy of a script: "a.php.save", "a.php.txt", "#a.php#", "a.php.", "a.php ".
// 4. A name that is hidden for its end is hidden with a number, a date or a packer's ending behind that, too: "a.log.1", "a.log-20261128", "a.sql.gz".

import { lowerAscii } from '../protocol/http/path.ts';
import { bytesToText, isAscii, textToBytes } from '../protocol/text.ts';

/** What a site says of its names; texts. */
export interface NameSettings {
  readonly visibleDotNames: readonly string[];
  readonly visibleNames: readonly string[];
  readonly hiddenNames: readonly string[];
  readonly hiddenSuffixes: readonly string[];
  /** Ends of the programs that the site's routes run, besides those of PHP. */
  readonly programSuffixes: readonly string[];
}

/** As PHP's own packages and web servers set it up, in this or another version, and how people name what PHP includes. */
const phpSuffixes = [
  ...['.php', '.php2', '.php3', '.php4', '.php5', '.php6', '.php7', '.php8', '.phps', '.pht', '.phtm', '.phtml'],
  ...['.phar', '.inc'],
];
const cgiProgram = /\.(?:cgi|fcgi|pl)$|(?:^|\/)cgi-bin\//;
const turnedOrPacked = /(?:[.-]\d+)?(?:\.(?:gz|bz2|xz|zst|zip|br))?$/;
const copyOfPhp = /\.ph(?:p[0-9s]?|tml?|ar|t)(?![a-z0-9])/;

/** The hidden names of one site. */
export class HiddenNames {
  readonly #visible: ReadonlySet<string>;
  readonly #hidden: ReadonlySet<string>;
  readonly #suffixes: readonly string[];
  readonly #programs: readonly string[];

  constructor(settings: NameSettings) {
    this.#visible = new Set([...settings.visibleDotNames, ...settings.visibleNames].map(textToBytes));
    this.#hidden = new Set(settings.hiddenNames.map((name) => fold(textToBytes(name))));
    this.#suffixes = settings.hiddenSuffixes.map((suffix) => fold(textToBytes(suffix)));
    this.#programs = [...phpSuffixes, ...settings.programSuffixes.map((suffix) => fold(textToBytes(suffix)))];
  }

  /** Whether a name in the path begins with a dot. Nothing is ever there under such a name, whoever asks. */
  hasDotName(path: string): boolean {
    for (let at = path.indexOf('/.'); at !== -1; at = path.indexOf('/.', at + 1)) {
      const slash = path.indexOf('/', at + 1);
      if (!this.#visible.has(path.slice(at + 1, slash === -1 ? undefined : slash))) return true;
    }
    return false;
  }

  /** Whether a name in the path is hidden, or begins with a dot. */
  isHidden(path: string): boolean {
    return path.split('/').some((name) => name !== '' && this.#isHiddenName(name));
  }

  /** Whether the path's last name is that of a program's source, or of a copy of it. */
  isSource(path: string): boolean {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const folded = fold(name);
    if (this.#programs.some((suffix) => folded.endsWith(suffix))) return true;
    return copyOfPhp.test(folded) && !this.#visible.has(name);
  }

  /** Whether an executable file at the path is a CGI program. */
  isCgiProgram(path: string): boolean {
    return cgiProgram.test(fold(path));
  }

  #isHiddenName(name: string): boolean {
    if (this.#visible.has(name)) return false;
    if (name.startsWith('.')) return true;
    const folded = fold(name);
    const plain = folded.replace(turnedOrPacked, '');
    const isHidden = (suffix: string): boolean => folded.endsWith(suffix) || plain.endsWith(suffix);
    if (this.#hidden.has(folded) || this.#suffixes.some(isHidden)) return true;
    // What Emacs saves by itself.
    return folded.length > 1 && folded.startsWith('#') && folded.endsWith('#');
  }
}

/** A name as it is compared. */
function fold(name: string): string {
  if (isAscii(name)) return lowerAscii(name);
  const text = bytesToText(name);
  if (text === null) return lowerAscii(name);
  // Upper case first: some letters are one of ASCII only there (U+017F, U+0131).
  const folded = text.normalize('NFKD').toUpperCase().toLowerCase().normalize('NFKD');
  return folded.replace(/[\p{Mn}\p{Cf}]/gu, '');
}
