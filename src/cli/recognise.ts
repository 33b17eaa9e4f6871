// What a folder is: WordPress, Laravel, Symfony, Drupal, DokuWiki, plain PHP, plain files; and how such a site is served.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A folder that was looked at. */
export interface Recognised {
  /** In words: "WordPress", "Laravel (public/)", "PHP", "files". */
  readonly what: string;
  /** The folder to serve. */
  readonly root: string;
  /** Front controller; null: there is none. */
  readonly fallback: string | null;
  /** Paths that the application's own web server settings keep closed. */
  readonly deny: readonly string[];
  /** Whether there is PHP in it. */
  readonly hasPhp: boolean;
}

interface Kind {
  readonly what: string;
  /** Files that all must be there. */
  readonly files: readonly string[];
  /** Folder in it to serve. @default "." */
  readonly root?: string;
  /** @default null */
  readonly fallback?: string;
  readonly deny?: readonly string[];
}

const frontController = '/index.php';

const kinds: readonly Kind[] = [
  { what: 'WordPress', files: ['wp-load.php', 'wp-includes'], fallback: frontController },
  { what: 'Laravel', files: ['artisan', 'public/index.php'], root: 'public', fallback: frontController },
  { what: 'Symfony', files: ['bin/console', 'public/index.php'], root: 'public', fallback: frontController },
  { what: 'Symfony', files: ['symfony.lock', 'public/index.php'], root: 'public', fallback: frontController },
  { what: 'Drupal', files: ['web/index.php', 'web/core'], root: 'web', fallback: frontController },
  { what: 'Drupal', files: ['index.php', 'core/lib/Drupal.php'], fallback: frontController, deny: ['/vendor/*'] },
  {
    what: 'DokuWiki',
    files: ['doku.php', 'inc'],
    deny: ['/data/*', '/conf/*', '/bin/*', '/inc/*', '/vendor/*'],
  },
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
    const { what, root = '.', fallback = null, deny = [] } = kind;
    const shown = root === '.' ? what : `${what}, its ${root}/ is served`;
    return { what: shown, root: join(folder, root), fallback, deny, hasPhp: true };
  }
  // A folder without a page of its own whose public/ has one: the rest is not meant to be seen.
  const inner = join(folder, 'public');
  if (!hasIndex(folder) && hasIndex(inner)) {
    const found = recognise(inner);
    return { ...found, what: `${found.what}, its public/ is served` };
  }
  const hasPhp = readdirSync(folder).some((name) => /\.php$/i.test(name));
  if (hasPhp && rewritesToIndex(folder)) {
    return {
      what: 'PHP, its .htaccess sends paths to index.php',
      root: folder,
      fallback: frontController,
      deny: [],
      hasPhp,
    };
  }
  return { what: hasPhp ? 'PHP' : 'files', root: folder, fallback: null, deny: [], hasPhp };
}

function hasIndex(folder: string): boolean {
  return ['index.php', 'index.html'].some((name) => existsSync(join(folder, name)));
}

/** Whether an .htaccess makes index.php the front controller, as most frameworks' do. */
function rewritesToIndex(folder: string): boolean {
  try {
    const text = readFileSync(join(folder, '.htaccess'), 'utf8');
    return /^\s*(?:RewriteRule\s.*\s\/?index\.php\b|FallbackResource\s+\/?index\.php\b)/im.test(text);
  } catch {
    return false; // there is none, or it is not for us
  }
}
