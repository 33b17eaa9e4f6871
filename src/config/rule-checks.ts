// What is wrong in the rules of a site whose keys and types are right; it looks at password files, too.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hashKind, parsePasswords } from '../rules/password-hash.ts';
import type { AuthorizerRole } from '../rules/rule.ts';
import { nearestName } from './nearest.ts';
import type { PoolValues } from './pool-schema.ts';
import { folderOf, missingFile, presetNames } from './preset.ts';
import { type Path, type Problem, sectionName } from './problem.ts';
import { compileRule, RuleFault } from './rule-compile.ts';
import type { RuleValues } from './rule-schema.ts';
import type { ListenValues, SiteValues } from './site-schema.ts';

/** @param path of the rule */
export function checkRule(
  rule: RuleValues,
  path: Path,
  folder: string,
  pools: ReadonlyMap<string, PoolValues | null>,
): Problem[] {
  const problems: Problem[] = [];
  try {
    compileRule(rule, folder);
  } catch (error) {
    if (!(error instanceof RuleFault)) throw error;
    const at = error.key === null ? path : [...path, error.key];
    const where = error.key === null ? sectionName(path) : `${error.key} in ${sectionName(path)}`;
    problems.push({ path: at, message: `${where}: ${error.message}` });
  }
  const { auth } = rule;
  if (auth === undefined) return problems;
  const authPath = [...path, 'auth'];
  if ('pool' in auth) problems.push(...checkAuthorizer(auth, authPath, pools));
  else problems.push(...checkPasswords(resolve(folder, auth.file), [...authPath, 'file']));
  return problems;
}

/** Behind a web server the rules would not be asked: it has decided already what is served, and to whom. */
export function checkRuledListeners(listen: readonly ListenValues[], path: Path): Problem[] {
  return listen.flatMap(({ address }, at) => {
    if (!/^fastcgi(?:\+unix)?:/.test(address)) return [];
    const message = `listen in ${sectionName(path)}: rules are for HTTP, and "${address}" is for a web server, which has its own: make two sites of it`;
    return [{ path: [...path, 'listen', at], message }];
  });
}

/** Whether a preset is known, and its root is the folder that it is for. */
export function checkPreset({ preset, root, listen }: SiteValues, path: Path, folder: string): Problem[] {
  const name = preset!;
  const where = `preset in ${sectionName(path)}`;
  if (!presetNames.includes(name)) {
    const near = nearestName(name, presetNames);
    const instead = near === null ? `there are ${presetNames.join(', ')}` : `did you mean "${near}"?`;
    return [{ path: [...path, 'preset'], message: `${where}: there is no preset "${name}": ${instead}` }];
  }
  const problems = checkRuledListeners(listen, path);
  const missing = missingFile(name, resolve(folder, root));
  const inner = folderOf(name);
  const isAbove = missing !== null && inner !== null && missingFile(name, resolve(folder, root, inner)) === null;
  if (!isAbove) return problems;
  const message = `root in ${sectionName(path)}: ${name} is served from its ${inner}/: write root = "${join(root, inner)}"`;
  return [...problems, { path: [...path, 'root'], message }];
}

function checkAuthorizer(
  { pool }: { readonly pool: string; readonly role: AuthorizerRole },
  path: Path,
  pools: ReadonlyMap<string, PoolValues | null>,
): Problem[] {
  const where = `pool in ${sectionName(path)}`;
  if (!pools.has(pool)) {
    const near = nearestName(pool, [...pools.keys()]);
    const instead = near === null ? `add a section [pool.${pool}]` : `did you mean "${near}"?`;
    return [{ path: [...path, 'pool'], message: `${where}: there is no pool "${pool}": ${instead}` }];
  }
  const kind = pools.get(pool)?.kind;
  if (kind !== 'php' && kind !== 'cgi') return [];
  const message = `${where}: pool ${pool} runs ${kind === 'php' ? 'PHP' : 'CGI programs'}, which cannot be an authorizer: use command, app or connect`;
  return [{ path: [...path, 'pool'], message }];
}

function checkPasswords(file: string, path: Path): Problem[] {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    return [
      {
        path,
        message: `file in ${sectionName(path.slice(0, -1))}: ${file} cannot be read (${code}): make it with "htpasswd -cB ${file} NAME"`,
      },
    ];
  }
  return [...parsePasswords(text)]
    .filter(([, hash]) => hashKind(hash) === null)
    .map(([user]) => ({
      path,
      message: `file in ${sectionName(path.slice(0, -1))}: the password of ${user} is kept in a way that is not known: make it anew with "htpasswd -B ${file} ${user}"`,
    }));
}
