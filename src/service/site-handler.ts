// A site's handler for a server of one's own: it finds the gateway that is in force for each request, so it outlives reloads.

import { PosternError } from '../errors.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import type { Gateway } from '../gateway/handle.ts';
import type { HttpHandler } from '../gateway/message.ts';

/**
 * Makes the handler.
 * @param gatewayOf the site's gateway now; undefined before the service was started, and once a reload has taken the site away
 */
export function siteHandler(site: string, gatewayOf: (site: string) => Gateway | undefined): HttpHandler {
  return (request, answer) => {
    const gateway = gatewayOf(site);
    if (gateway !== undefined) {
      gateway.handle(request, answer);
      return;
    }
    const error = new PosternError('POOL_CLOSING', `site ${site} is not served now`);
    const { status, headers, body } = errorAnswer(error, request.headers);
    answer.head(status, headers);
    answer.write(body);
    answer.end();
  };
}
