// What a redirect inside the server (RFC 3875, section 6.2.2) makes of a request: a new GET for another path, carrying nothing over. Pure.

import { PosternError } from '../errors.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { parseLocalTarget, type RequestPath } from '../protocol/http/path.ts';
import type { HttpRequest, WebServerRequest } from './message.ts';

/** Such redirects that one request may lead to. */
export const MAX_LOCAL_REDIRECTS = 10;

/** A target that cannot be is the program's fault, not its client's. @throws ANSWER_INVALID */
export function localTarget(location: string): RequestPath {
  try {
    return parseLocalTarget(location);
  } catch (error) {
    const message = `a program redirected inside the server, but ${(error as Error).message}`;
    throw new PosternError('ANSWER_INVALID', message, { cause: error });
  }
}

/** Fields that belong to the body, or to the resource, of the request that was redirected. */
const NOT_REDIRECTED = /^(?:content-|transfer-encoding$|expect$|range$|if-)/i;

/** The web server's variables without those of the body, and with the path that it is now. */
function redirectedVariables({ variables }: WebServerRequest, target: string): Environment {
  const ofBody = /^(?:HTTP_)?CONTENT_|^HTTP_(?:TRANSFER_ENCODING|EXPECT|RANGE|IF_.*)$/;
  const kept = Object.entries(variables).filter(([name]) => !ofBody.test(name));
  return { ...Object.fromEntries(kept), REQUEST_URI: target };
}

/** The request that a local redirect makes of the client's: a GET, without its body and what goes with that. */
export function redirected(request: HttpRequest, target: string): HttpRequest {
  const headers: string[] = [];
  for (let i = 0; i < request.headers.length; i += 2) {
    if (!NOT_REDIRECTED.test(request.headers[i]!)) headers.push(request.headers[i]!, request.headers[i + 1]!);
  }
  const { webServer } = request;
  return {
    ...request,
    ...{ method: 'GET', target, headers, made: null, body: null, contentLength: null },
    ...(webServer && { webServer: { ...webServer, variables: redirectedVariables(webServer, target) } }),
  };
}
