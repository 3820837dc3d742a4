import type { Tracker } from '../../core/tracker.ts'
import type { ReadRequest } from './announceHandler.ts'
import { encodeScrape } from './encode.ts'
import { type ParseOptions, parseScrape } from './parse.ts'
import type { Serve } from './respond.ts'

export function serveScrape(tracker: Tracker, readRequest: ReadRequest, options: ParseOptions): Serve {
  return async function scrape(c, trail) {
    const request = parseScrape(readRequest(c), options)
    trail.family = request.address.family
    return encodeScrape(await tracker.scrape(request))
  }
}
