import { type Context, Hono } from 'hono'
import { maskPasskey, parsePasskey } from '../../bittorrent/passkey.ts'
import type { Passkey } from '../../bittorrent/types.ts'
import {
  isSameSecret,
  SIGNATURE_HEADER,
  signVerifyRequest,
  TIMESTAMP_HEADER,
} from '../../contract/verifySignature.ts'
import { createTokenBucket } from '../../runtime/tokenBucket.ts'

/** One request, as the site's audit log should have it. */
export interface VerifyRequestAudit {
  readonly action: 'verify passkey'
  /** Masked; empty when there was no well-formed passkey. */
  readonly subject: string
  readonly result: 'valid' | 'invalid' | 'refused' | 'failed'
  /** The text of the error, or empty. */
  readonly reason: string
  readonly status: number
  readonly ms: number
}

/** The site's secrets and its answer; `lookup` and one secret must be there. */
export interface VerifyAppOptions {
  /** Whether this user may use the tracker. Hex comes in lowercase, any other passkey as it was asked for. */
  readonly lookup: (passkey: Passkey) => boolean | Promise<boolean>
  /** `http_api_key` of the tracker. One of the two secrets must be there; with both, both must be right. */
  readonly apiKey?: string | undefined
  /** `http_api_key_header` of the tracker; default X-API-Key. */
  readonly apiKeyHeader?: string | undefined
  /** `http_signature_secret` of the tracker. */
  readonly signatureSecret?: string | undefined
  /** How far the time of a signed request may be from ours, either way; default 300. */
  readonly replayWindowSeconds?: number | undefined
  /** Requests a second that are looked up, and, counted apart, that are refused with a reason; default 100, at least 1. */
  readonly ratePerSecond?: number | undefined
  /** Told what `lookup` threw; the tracker reads 500 and asks its client to come back. */
  readonly onLookupFailure?: ((error: unknown) => void) | undefined
  /** Told of every request; of those that are 429, one a second. What it throws becomes a warning of the process. */
  readonly audit?: ((line: VerifyRequestAudit) => void) | undefined
  /** For tests that move time by hand: Unix milliseconds. */
  readonly nowMs?: (() => number) | undefined
}

interface Answer {
  readonly status: 200 | 400 | 401 | 405 | 429 | 500
  readonly body: { readonly valid: boolean } | { readonly error: string }
  readonly headers?: Record<string, string>
}

/**
 * The site's half of `http_url`: answers `GET /verify?passkey=…`, below wherever the site mounts it, with
 * `{"valid": true}` or `{"valid": false}`; anything else is an error as `{"error": "…"}`: 400 without one well-formed
 * passkey, 401 for a wrong key, signature or time, 405, 429 with `Retry-After`, 500 when the lookup throws.
 *
 * @throws RangeError without any secret: the endpoint would tell everybody who guesses passkeys; or with a rate below 1
 */
export function createVerifyApp(options: VerifyAppOptions): Hono {
  const { lookup, apiKey, signatureSecret, audit, onLookupFailure, nowMs = Date.now } = options
  const { apiKeyHeader = 'X-API-Key', replayWindowSeconds = 300, ratePerSecond = 100 } = options
  if (!apiKey && !signatureSecret) throw new RangeError('createVerifyApp needs apiKey or signatureSecret')
  if (typeof ratePerSecond !== 'number' || !(ratePerSecond >= 1))
    throw new RangeError('createVerifyApp: ratePerSecond is not a number of at least 1')
  const floods = createTokenBucket(1, nowMs)
  const lookups = createTokenBucket(ratePerSecond, nowMs)
  const refusals = createTokenBucket(ratePerSecond, nowMs) // so that strangers cannot use up what the tracker needs

  function limited(waitSeconds: number): Answer {
    const headers = { 'Retry-After': String(Math.max(1, Math.ceil(waitSeconds))) }
    return { status: 429, body: { error: 'too many requests' }, headers }
  }

  function refusal(status: 400 | 401 | 405, error: string, headers: Record<string, string> = {}): Answer {
    return refusals.take() ? { status, body: { error }, headers } : limited(refusals.waitSeconds())
  }

  function isSigned(c: Context, secret: string, passkey: string): boolean {
    const timestamp = c.req.header(TIMESTAMP_HEADER) ?? ''
    const signature = c.req.header(SIGNATURE_HEADER) ?? ''
    if (!isSameSecret(signature, signVerifyRequest(secret, passkey, timestamp))) return false
    return /^\d{1,12}$/.test(timestamp) && Math.abs(nowMs() / 1000 - Number(timestamp)) <= replayWindowSeconds
  }

  async function answer(c: Context, text: string, passkey: Passkey | undefined): Promise<Answer> {
    if (c.req.method !== 'GET') return refusal(405, 'method not allowed', { Allow: 'GET' })
    if (apiKey && !isSameSecret(c.req.header(apiKeyHeader) ?? '', apiKey))
      return refusal(401, 'wrong API key')
    if (passkey === undefined)
      return refusal(400, text === '' ? 'passkey is missing' : 'passkey is malformed or given twice')
    if (signatureSecret && !isSigned(c, signatureSecret, text))
      return refusal(401, 'wrong or expired signature')
    if (!lookups.take()) return limited(lookups.waitSeconds())
    try {
      return { status: 200, body: { valid: (await lookup(passkey)) === true } }
    } catch (error) {
      tell(onLookupFailure, error)
      return { status: 500, body: { error: 'lookup failed' } }
    }
  }

  const app = new Hono()
  app.all('/verify', async (c) => {
    const startedMs = nowMs()
    const texts = c.req.queries('passkey') ?? []
    const passkey = texts.length === 1 ? parsePasskey(texts[0]!) : undefined
    const { status, body, headers } = await answer(c, texts.join(), passkey)
    if (status !== 429 || floods.take())
      tell(audit, {
        action: 'verify passkey',
        subject: passkey === undefined ? '' : maskPasskey(passkey),
        result: resultOf(status, body),
        reason: 'error' in body ? body.error : '',
        status,
        ms: Math.max(0, Math.round(nowMs() - startedMs)),
      })
    return c.json(body, status, { 'Cache-Control': 'no-store', ...headers })
  })
  return app
}

/** The site's own reporting, be it synchronous or not, must not change what the tracker is told. */
function tell<T>(listener: ((told: T) => unknown) | undefined, told: T): void {
  new Promise((resolve) => resolve(listener?.(told))).catch((error: unknown) =>
    process.emitWarning(error instanceof Error ? error : String(error)),
  )
}

function resultOf(status: number, body: Answer['body']): VerifyRequestAudit['result'] {
  if ('valid' in body) return body.valid ? 'valid' : 'invalid'
  return status === 500 ? 'failed' : 'refused'
}
