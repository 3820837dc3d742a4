import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { compileSpelling } from '../../../bittorrent/routePattern.ts'
import type { Tracker } from '../../core/tracker.ts'
import { type ReadRequest, serveAnnounce } from './announceHandler.ts'
import { clientIpFinder } from './clientIp.ts'
import type { HttpOptions } from './options.ts'
import type { ParseOptions } from './parse.ts'
import type { RemoteAddressOf } from './proxyProtocolListener.ts'
import { rawPath, rawQuery } from './requestTarget.ts'
import { createResponder, type HttpEnv, plainText, type ResponderOptions } from './respond.ts'
import { honoRoute } from './routes.ts'
import { serveScrape } from './scrapeHandler.ts'

/** Answers one request; what the adapter calls. */
export type Fetch = (request: Request, env: HttpBindings) => Response | Promise<Response>

/**
 * Announce and scrape routes, and nothing else: no middleware, so that a request costs one match and one handler.
 *
 * @throws RangeError for a route or a trusted network that cannot be read
 */
export function createFetch(
  tracker: Tracker,
  options: HttpOptions & ResponderOptions,
  remoteAddressOf: RemoteAddressOf = (socket) => socket.remoteAddress,
): Fetch {
  const responder = createResponder(options)
  const parseOptions: ParseOptions = {
    ...options,
    passkeyParams: options.passkeyParams.map((name) => name.toLowerCase()),
    findClientIp: clientIpFinder(options.trustedProxies),
  }
  const readRequest = requestReader(remoteAddressOf, options.realIpHeader?.toLowerCase())
  const announce = responder.handler('announce', serveAnnounce(tracker, readRequest, parseOptions))
  const scrape = responder.handler('scrape', serveScrape(tracker, readRequest, parseOptions))

  const spell = compileSpelling([...options.announceRoutes, ...options.scrapeRoutes])
  const matchedPath = (incoming: HttpBindings['incoming']) => spell(rawPath(incoming))
  const app = new Hono<HttpEnv>({
    getPath: (_request, at) => matchedPath((at!.env as HttpBindings).incoming),
  })
  for (const route of options.announceRoutes) app.get(honoRoute(route), announce)
  for (const route of options.scrapeRoutes) app.get(honoRoute(route), scrape)
  app.notFound(() => plainText(404, 'not found'))
  app.onError((error, c) => responder.failure(error, c).answer)

  return function fetch(request, env) {
    // The framework runs GET handlers for HEAD, and an announce must not happen twice or unasked.
    if (request.method === 'GET') return app.fetch(request, env)
    const [handlers] = app.router.match('GET', matchedPath(env.incoming))
    return handlers.length === 0
      ? plainText(404, 'not found')
      : plainText(405, 'method not allowed', { Allow: 'GET' })
  }
}

function requestReader(remoteAddressOf: RemoteAddressOf, realIpHeader: string | undefined): ReadRequest {
  return function readRequest(c) {
    const { incoming } = c.env
    const forwarded = realIpHeader === undefined ? undefined : incoming.headers[realIpHeader]
    return {
      rawQuery: rawQuery(incoming),
      routePasskey: c.req.param('passkey') ?? c.req.param('credential'),
      userAgent: incoming.headers['user-agent'] ?? '',
      socket: remoteAddressOf(incoming.socket),
      forwarded: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    }
  }
}
