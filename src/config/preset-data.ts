// What one preset says, as data, and what several of them say. Pure.

import type { z } from 'zod';
import type { rule } from './rule-schema.ts';

/** How one application is served. */
export interface Preset {
  /** Front controller. */
  readonly fallback?: string;
  /** Paths that are nobody's: 404. */
  readonly deny: readonly string[];
  /** Scripts that run though `deny` takes their names. */
  readonly scripts?: readonly string[];
  /** What its documentation has as rewrites, headers and times. */
  readonly rules?: readonly z.input<typeof rule>[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files that are in its root, and folders: where they are missing, another folder was meant. */
  readonly holds: readonly string[];
  /** Where its root is in the project's folder, if not at its top. */
  readonly folder?: string;
}

/** Files that browsers keep: their addresses change with what is in them, or nobody minds a week. */
export const assets = '*.{css,js,mjs,map,png,jpg,jpeg,gif,webp,avif,svg,ico,woff,woff2,ttf,otf,eot,mp4,webm,mp3,ogg}';

/** For files whose names hold a hash of what is in them. */
export const immutable = { 'Cache-Control': 'public, max-age=31536000, immutable' } as const;

/** A browser takes a file for what it is said to be: an upload that looks like a page becomes none. */
export const noSniffing = { match: '/*', header: { 'X-Content-Type-Options': 'nosniff' } } as const;
