// The head of an answer in HTTP/2 (RFC 9113, section 8.3.2) as a block of HPACK, which is made once for one that comes again. Pure.

import { encodeField, encodeStatus } from '../http2/hpack-encoder.ts';
import { ofConnection } from '../http2/http2-head.ts';
import type { MadeOfHead } from '../protocol/cgi/exchange.ts';
import { type FieldsBlock, mayHaveLength } from '../protocol/http/answer-framing.ts';

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const notInValue = /[\0\r\n]/;

/**
 * Writes a head.
 * @param status below 600
 * @param headers name, value, name, value; checked already
 * @param made of one that comes again
 * @throws where a field has a name or value that its receiver would take for a fault of the whole
 */
export function formatFieldsBlock(status: number, headers: readonly string[], made?: MadeOfHead): FieldsBlock {
  // Fields may have been put to it on the way.
  if (made?.fields?.headers === headers) return made.fields;
  const hasLength = mayHaveLength(status);
  let block = encodeStatus(status);
  let declaredLength = -1;
  let hasDate = false;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    const value = headers[at + 1]!;
    checkField(name, value);
    if (name === 'content-length') {
      if (!hasLength || declaredLength !== -1 || !/^[0-9]{1,15}$/.test(value)) continue;
      declaredLength = Number(value);
    } else if (name === 'date') hasDate = true;
    else if (ofConnection.has(name)) continue;
    block += encodeField(name, value);
  }
  const formatted = { block, headers, declaredLength, hasDate };
  if (made !== undefined) made.fields = formatted;
  return formatted;
}

/** Writes a head that comes before it. @throws as the other does */
export function formatInterimBlock(status: number, headers: readonly string[]): string {
  let block = encodeStatus(status);
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    const value = headers[at + 1]!;
    checkField(name, value);
    if (name !== 'content-length' && !ofConnection.has(name)) block += encodeField(name, value);
  }
  return block;
}

function checkField(name: string, value: string): void {
  if (!token.test(name)) throw new Error(`a field is called ${JSON.stringify(name)}`);
  if (notInValue.test(value)) throw new Error(`${name} has a value with a control byte`);
}
