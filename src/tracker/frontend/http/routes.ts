import { parseRoute, type RouteSegment } from '../../../bittorrent/routePattern.ts'

/**
 * A route in httprouter syntax (`:name` for one segment, `*name` for the rest of the path) as Hono writes it.
 *
 * @throws RangeError when it is no such route
 */
export function honoRoute(route: string): string {
  return `/${parseRoute(route).map(honoSegment).join('/')}`
}

function honoSegment({ kind, text }: RouteSegment): string {
  if (kind === 'text') return text
  return kind === 'one' ? `:${text}` : `:${text}{.*}`
}
