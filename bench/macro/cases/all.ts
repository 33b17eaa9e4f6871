// The cases of the bench, in the order in which they run.

import type { Case } from '../case.ts';
import { burst } from './burst.ts';
import { download10m } from './download-10m.ts';
import { fastcgiNull } from './fastcgi-null.ts';
import { hello } from './hello.ts';
import { helloCrowded } from './hello-crowded.ts';
import { many } from './many.ts';
import { memory } from './memory.ts';
import { overload } from './overload.ts';
import { page } from './page.ts';
import { start } from './start.ts';
import { static1k } from './static-1k.ts';
import { static1m } from './static-1m.ts';
import { tlsCases } from './tls.ts';
import { upload10m } from './upload-10m.ts';
import { wordpress } from './wordpress.ts';

export const cases: readonly Case[] = [
  hello,
  helloCrowded,
  page,
  wordpress,
  fastcgiNull,
  static1k,
  static1m,
  download10m,
  upload10m,
  many,
  burst,
  overload,
  start,
  memory,
  ...tlsCases,
];
