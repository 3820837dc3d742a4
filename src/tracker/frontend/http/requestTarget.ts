import type { IncomingMessage } from 'node:http'

/**
 * The request target as it arrived, set aside before the adapter sees the request.
 *
 * The adapter builds a WHATWG URL from Host and target, which costs more than parsing an announce, rejects requests
 * for Host headers that old clients send, and rewrites bytes that an info_hash needs. It is shown `/` on a made-up
 * host instead; routes and handlers ask here.
 */
export interface TargetedRequest extends IncomingMessage {
  /** Begins with `/` or is the `*` of OPTIONS; one character per byte. */
  rawTarget: string
}

export function setTargetAside(incoming: IncomingMessage): void {
  const target = incoming.url ?? '/'
  ;(incoming as TargetedRequest).rawTarget = target.startsWith('/') ? target : originForm(target)
  incoming.url = '/'
  incoming.headers.host = 'tracker'
}

export function rawPath(incoming: IncomingMessage): string {
  const { rawTarget } = incoming as TargetedRequest
  const mark = rawTarget.indexOf('?')
  return mark < 0 ? rawTarget : rawTarget.slice(0, mark)
}

export function rawQuery(incoming: IncomingMessage): string {
  const { rawTarget } = incoming as TargetedRequest
  const mark = rawTarget.indexOf('?')
  return mark < 0 ? '' : rawTarget.slice(mark + 1)
}

/** Proxies may send `http://host/path` (RFC 9112, absolute form). */
function originForm(target: string): string {
  const rest = target.replace(/^https?:\/\/[^/?]*/i, '')
  return rest.startsWith('?') || rest === '' ? `/${rest}` : rest
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}
