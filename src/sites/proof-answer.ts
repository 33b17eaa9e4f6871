// Answers an authority that looks by plain HTTP whether a name is ours (RFC 8555, section 8.3), on every listener, before any rule or redirect.

import type { HttpAnswer, HttpHandler, HttpRequest } from '../gateway/message.ts';
import type { AccessRecord } from '../gateway/request-log.ts';
import { fieldValues } from '../protocol/http/headers.ts';
import { bytesToLog } from '../protocol/text.ts';
import { type ProofFolder, proofPath } from '../tls/proof-folder.ts';
import { HeldRequest } from './held-request.ts';
import { unreadRecord } from './refused.ts';

/** Answers with the proofs that lie in a folder. */
export class ProofAnswers {
  readonly #folder: ProofFolder;

  constructor(folder: ProofFolder) {
    this.#folder = folder;
  }

  /** Whether an authority asks so. */
  takes({ method, target }: HttpRequest): boolean {
    return target.startsWith(proofPath) && (method === 'GET' || method === 'HEAD');
  }

  /** Answers it, unless its client goes before the answer is known. @param otherwise answers what no authority was told to ask for @returns what there is to tell of it; null: nothing, it is not answered here */
  async answer(request: HttpRequest, answer: HttpAnswer, otherwise: HttpHandler): Promise<AccessRecord | null> {
    const held = new HeldRequest(answer);
    const text = await this.#folder.textFor(request.target).catch(() => null);
    if (held.hasGone) return null;
    if (text !== null) return sendProof(request, answer, text);
    otherwise(request, answer);
    return null;
  }
}

function sendProof(
  { method, target, version, peer, headers }: HttpRequest,
  answer: HttpAnswer,
  text: string,
): AccessRecord {
  const body = Buffer.from(text, 'latin1');
  answer.head(200, ['Content-Type', 'application/octet-stream', 'Cache-Control', 'no-store']);
  answer.write(body);
  answer.end();
  return {
    ...unreadRecord(peer.remoteAddress),
    ...{
      method,
      url: bytesToLog(target, 2_048),
      version,
      host: bytesToLog(fieldValues(headers, 'host')[0] ?? '', 128),
    },
    ...{ status: 200, bytes: body.length },
  };
}
