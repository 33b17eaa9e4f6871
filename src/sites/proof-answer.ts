// Answers an authority that looks by plain HTTP whether a name is ours (RFC 8555, section 8.3), on every listener, before any rule or redirect.

import type { HttpAnswer, HttpHandler, HttpRequest } from '../gateway/message.ts';
import type { AccessRecord } from '../gateway/request-log.ts';
import { fieldValues } from '../protocol/http/headers.ts';
import { bytesToLog } from '../protocol/text.ts';
import { type ProofFolder, proofPath } from '../tls/proof-folder.ts';
import { unreadRecord } from './refused.ts';

/**
 * What no authority asks for is the site's.
 * @param proofs null: none is asked for certificates
 */
export function withProofs(
  serve: HttpHandler,
  proofs: () => ProofFolder | null,
  tell: (record: AccessRecord) => void,
): HttpHandler {
  return (request, answer) => {
    const folder = proofs();
    if (folder === null || !isForProof(request)) {
      serve(request, answer);
      return;
    }
    const found = folder.textFor(request.target).catch(() => null);
    void found.then((text) => (text === null ? serve(request, answer) : tell(answerProof(request, answer, text))));
  };
}

function isForProof({ method, target }: HttpRequest): boolean {
  return target.startsWith(proofPath) && (method === 'GET' || method === 'HEAD');
}

function answerProof({ method, target, version, peer, headers }: HttpRequest, answer: HttpAnswer, text: string) {
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
