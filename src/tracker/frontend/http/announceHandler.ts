import type { Tracker } from '../../core/tracker.ts'
import { encodeAnnounce } from './encode.ts'
import { type HttpRequest, type ParseOptions, parseAnnounce } from './parse.ts'
import type { HttpContext, Serve } from './respond.ts'

/** Turns a framework context into what the parsers take. */
export type ReadRequest = (c: HttpContext) => HttpRequest

export function serveAnnounce(tracker: Tracker, readRequest: ReadRequest, options: ParseOptions): Serve {
  return async function announce(c, trail) {
    const request = parseAnnounce(readRequest(c), options)
    trail.family = request.address.family
    const response = await tracker.announce(request)
    return encodeAnnounce(response, request)
  }
}
