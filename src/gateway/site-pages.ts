// Pages of ours at exact paths of a site, before every route: who may ask for one, and how it is answered. What they say is the service's.

import { AddressList } from '../address-list.ts';
import { PosternError, toPosternError } from '../errors.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import { textToBytes } from '../protocol/text.ts';
import type { HttpRequest } from './message.ts';
import type { Reply } from './reply.ts';
import { type Client, isThisMachine } from './request-client.ts';
import type { BackendRoute, SitePage } from './site.ts';

/** A page that was made ready. */
export interface CompiledPage {
  readonly page: SitePage;
  /** Besides this machine; null: everybody may ask. */
  readonly clients: AddressList | null;
  /** Where a server elsewhere answers it, and not we. */
  readonly route: BackendRoute | null;
}

/** By path, a byte string; null: there are none. @throws CONFIG_INVALID for a client that cannot be read */
export function compilePages(pages: readonly SitePage[]): ReadonlyMap<string, CompiledPage> | null {
  if (pages.length === 0) return null;
  return new Map(
    pages.map((page) => [
      textToBytes(page.path),
      {
        page,
        clients: page.clients === null ? null : new AddressList(page.clients, 'statusClients'),
        route: page.kind === 'run' ? routeTo(page) : null,
      },
    ]),
  );
}

/** What runs it is named by the path, and not by a file. */
function routeTo({ path, backend }: Extract<SitePage, { kind: 'run' }>): BackendRoute {
  return { kind: 'mount', match: path, backend, streamUploads: false, env: {} };
}

/**
 * Whether a client may see a page. Its address is that of the client behind trusted proxies. What a proxy passes on that is not trusted, may
 * be anybody's, though the proxy itself is on this machine.
 * @throws FORBIDDEN
 */
export function checkPageClient({ page, clients }: CompiledPage, { peer, headers }: HttpRequest, client: Client): void {
  if (clients === null || clients.has(client.remoteAddress)) return;
  const isPassedOn =
    fieldValue(headers, 'x-forwarded-for') !== undefined || fieldValue(headers, 'forwarded') !== undefined;
  const isHere = isThisMachine(client.remoteAddress) && isThisMachine(peer.remoteAddress);
  if (isHere && !isPassedOn) return;
  throw new PosternError(
    'FORBIDDEN',
    `${page.path} is for this machine and for statusClients, not for ${client.remoteAddress}`,
  );
}

/** Answers it, when what it says is there. */
export function sendPage(reply: Reply, page: Extract<SitePage, { kind: 'answer' }>, query: string): void {
  page.answer(query).then(
    ({ status, headers, body }) => {
      reply.head(status, headers);
      reply.write(Buffer.from(body));
      reply.end();
    },
    (error: unknown) => reply.fail(toPosternError(error)),
  );
}
