// What a folder is: WordPress, Laravel, Symfony, Drupal, DokuWiki, plain PHP, plain files; and how such a site is served.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Htaccess, readHtaccess } from './htaccess.ts';

/** A folder that was looked at. */
export interface Recognised {
  /** In words: "WordPress", "Laravel (public/)", "PHP", "files". */
  readonly what: string;
  /** The folder to serve. */
  readonly root: string;
  /** The preset of its application; null: there is none. */
  readonly preset: string | null;
  /** Front controller; null: there is none. */
  readonly fallback: string | null;
  /** Front controllers of folders below: "/app1/*" -> "/app1/index.php". */
  readonly fallbacks: ReadonlyMap<string, string>;
  /** Paths that the application's own web server settings keep closed. */
  readonly deny: readonly string[];
  /** What its .htaccess files ask for that is not done, as sentences. */
  readonly notes: readonly string[];
  /** Whether there is PHP in it. */
  readonly hasPhp: boolean;
}

interface Kind {
  readonly what: string;
  /** Files that all must be there. */
  readonly files: readonly string[];
  /** Folder in it to serve. @default "." */
  readonly root?: string;
  readonly preset?: string;
  /** @default null */
  readonly fallback?: string;
}

const frontController = '/index.php';

const kinds: readonly Kind[] = [
  { what: 'WordPress', files: ['wp-load.php', 'wp-includes'], preset: 'wordpress', fallback: frontController },
  {
    what: 'Laravel',
    files: ['artisan', 'public/index.php'],
    root: 'public',
    preset: 'laravel',
    fallback: frontController,
  },
  {
    what: 'Symfony',
    files: ['bin/console', 'public/index.php'],
    root: 'public',
    preset: 'symfony',
    fallback: frontController,
  },
  {
    what: 'Symfony',
    files: ['symfony.lock', 'public/index.php'],
    root: 'public',
    preset: 'symfony',
    fallback: frontController,
  },
  { what: 'Drupal', files: ['web/index.php', 'web/core'], root: 'web', preset: 'drupal', fallback: frontController },
  { what: 'Drupal', files: ['index.php', 'core/lib/Drupal.php'], preset: 'drupal', fallback: frontController },
  { what: 'DokuWiki', files: ['doku.php', 'inc'], preset: 'dokuwiki' },
  { what: 'MediaWiki', files: ['api.php', 'load.php', 'includes'], preset: 'mediawiki' },
  { what: 'Nextcloud', files: ['remote.php', 'occ', 'index.php'], preset: 'nextcloud', fallback: frontController },
  {
    what: 'Joomla',
    files: ['administrator/index.php', 'libraries', 'index.php'],
    preset: 'joomla',
    fallback: frontController,
  },
  { what: 'phpBB', files: ['viewtopic.php', 'phpbb', 'app.php'], preset: 'phpbb', fallback: '/app.php' },
  { what: 'Matomo', files: ['matomo.php', 'core/Version.php'], preset: 'matomo' },
  { what: 'Moodle', files: ['config-dist.php', 'course/view.php'], preset: 'moodle' },
  {
    what: 'a Composer project',
    files: ['composer.json', 'public/index.php'],
    root: 'public',
    fallback: frontController,
  },
];

/** Looks at a folder. */
export function recognise(folder: string): Recognised {
  const kind = kinds.find(({ files }) => files.every((file) => existsSync(join(folder, file))));
  if (kind !== undefined) {
    const { what, root = '.', preset = null, fallback = null } = kind;
    const shown = root === '.' ? what : `${what}, its ${root}/ is served`;
    return withHtaccess({ what: shown, root: join(folder, root), preset, fallback, deny: [], hasPhp: true });
  }
  // A folder without a page of its own whose public/ has one: the rest is not meant to be seen.
  const inner = join(folder, 'public');
  if (!hasIndex(folder) && hasIndex(inner)) {
    const found = recognise(inner);
    return { ...found, what: `${found.what}, its public/ is served` };
  }
  const hasPhp = readdirSync(folder).some((name) => /\.php$/i.test(name));
  // As php -S and Caddy have it: an index.php answers what is neither file nor script.
  const fallback = existsSync(join(folder, 'index.php')) ? frontController : null;
  return withHtaccess({ what: hasPhp ? 'PHP' : 'files', root: folder, preset: null, fallback, deny: [], hasPhp });
}

/** Adds what the .htaccess files of a folder say. */
function withHtaccess(found: Omit<Recognised, 'fallbacks' | 'notes'>): Recognised {
  const htaccess = readHtaccess(found.root);
  const fallback = htaccess.fallbacks.get('/') ?? found.fallback;
  const below = [...htaccess.fallbacks].filter(([folder]) => folder !== '/' && isPattern(folder));
  // What is further down is asked first.
  const fallbacks = new Map(below.map(([folder, script]) => [`${folder}*`, script] as const).reverse());
  const deny = [...new Set([...found.deny, ...htaccess.closed.filter(isPattern).map((folder) => `${folder}*`)])];
  return { ...found, fallback, fallbacks, deny, notes: notesOf(htaccess) };
}

/** Lines of .htaccess files that are shown. */
const shownLines = 3;

function notesOf({ closed, fallbacks, ignored, isComplete }: Htaccess): string[] {
  const odd = [...closed, ...fallbacks.keys()].filter((folder) => !isPattern(folder));
  const more = ignored.length > shownLines ? `; and ${ignored.length - shownLines} more` : '';
  return [
    ...(ignored.length === 0
      ? []
      : [`what .htaccess asks for and Postern does not do: ${ignored.slice(0, shownLines).join('; ')}${more}`]),
    ...odd.map((folder) => `the .htaccess of ${folder} is not followed: its name holds one of ?*[]{}`),
    ...(isComplete ? [] : ['there are too many folders to look for .htaccess in all of them']),
  ];
}

/** Whether a folder's path can stand in a route. */
function isPattern(folder: string): boolean {
  return !/[?*[\]{}\\]/.test(folder);
}

function hasIndex(folder: string): boolean {
  return ['index.php', 'index.html'].some((name) => existsSync(join(folder, name)));
}
