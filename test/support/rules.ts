// Rules as a configuration would have them, for tests of the gateway.

import type { z } from 'zod';
import { compileRule } from '../../src/config/rule-compile.ts';
import { rule } from '../../src/config/rule-schema.ts';
import type { Rule } from '../../src/rules/rule.ts';

/** A rule as the file writes it. */
export type WrittenRule = z.input<typeof rule>;

/** Makes rules of what a file would say. @param folder that relative paths start from */
export function rulesOf(written: readonly WrittenRule[], folder = '/'): Rule[] {
  return written.map((one, at) => compileRule({ ...rule.parse(one), name: `rule ${at + 1}` }, folder));
}
