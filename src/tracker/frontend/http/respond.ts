import type { HttpBindings } from '@hono/node-server'
import type { Context, Handler } from 'hono'
import { FAILURE_REASONS, Refusal } from '../../../bittorrent/failure.ts'
import type { AddressFamily } from '../../../bittorrent/types.ts'
import { StoreUnavailable } from '../../../runtime/errors.ts'
import { encodeFailures, type RetryOptions } from './encode.ts'
import type { Observe, ReportFault } from './options.ts'
import { REQUEST_ID_HEADER, requestIdOf } from './requestId.ts'

export type HttpEnv = { Bindings: HttpBindings }
export type HttpContext = Context<HttpEnv>

/** What is learnt of a request on its way and told to metrics at its end. */
export interface Trail {
  family: AddressFamily | 'Unknown'
}

/** Serves one request; what it throws becomes the answer. */
export type Serve = (c: HttpContext, trail: Trail) => Promise<Uint8Array>

const HEADERS = { 'Content-Type': 'text/plain; charset=utf-8' }
const OK = { status: 200, headers: HEADERS }

/** The one form of answer that the adapter writes without building headers or streams: bytes and plain headers. */
export function bencoded(body: Uint8Array): Response {
  return new Response(body as Uint8Array<ArrayBuffer>, OK)
}

export function plainText(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${text}\n`, { status, headers: { ...HEADERS, ...headers } })
}

/** What failures look like and who hears of them. */
export interface ResponderOptions extends RetryOptions {
  readonly observe: Observe | undefined
  readonly reportFault: ReportFault
}

export interface Responder {
  /** The handler that answers with what `serve` gives or throws. */
  handler(action: 'announce' | 'scrape', serve: Serve): Handler<HttpEnv>
  /** Every thrown value as an answer, and as the value of the metric label `error`. What is our fault is reported. */
  failure(thrown: unknown, c: HttpContext): { readonly answer: Response; readonly label: string }
}

export function createResponder({ observe, reportFault, ...retry }: ResponderOptions): Responder {
  const bodies = encodeFailures(retry)

  function failure(thrown: unknown, c: HttpContext) {
    if (thrown instanceof Refusal) return { answer: bencoded(bodies[thrown.code]), label: thrown.message }
    const requestId = requestIdOf(c.env.incoming.headers[REQUEST_ID_HEADER])
    reportFault(thrown, requestId)
    const isTemporary = thrown instanceof StoreUnavailable
    const answer = bencoded(isTemporary ? bodies.temporarilyUnavailable : bodies.internal)
    answer.headers.set(REQUEST_ID_HEADER, requestId)
    return { answer, label: isTemporary ? FAILURE_REASONS.temporarilyUnavailable : 'internal error' } // as Chihaya has it
  }

  return {
    failure,
    handler(action, serve) {
      return async function answer(c) {
        const startedMs = observe ? performance.now() : 0
        const trail: Trail = { family: 'Unknown' }
        let answer: Response
        let error = ''
        try {
          answer = bencoded(await serve(c, trail))
        } catch (thrown) {
          const failed = failure(thrown, c)
          answer = failed.answer
          error = failed.label
        }
        observe?.(action, trail.family, error, startedMs)
        return answer
      }
    },
  }
}
