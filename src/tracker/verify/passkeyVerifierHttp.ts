import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { SIGNATURE_HEADER, signVerifyRequest, TIMESTAMP_HEADER } from '../../contract/verifySignature.ts'

/** What one call of the site's verify endpoint came to. */
export interface SiteAnswer {
  readonly verdict: 'approved' | 'rejected' | 'unavailable'
  /** For log lines; from a small set, without anything the endpoint wrote. */
  readonly reason: string
}

export interface SiteClient {
  /** Never rejects; takes no longer than the timeout. */
  ask(passkey: string): Promise<SiteAnswer>
  /** Closes its connections; calls under way still get their answers, and do not keep the process from ending. */
  close(): void
}

export interface SiteClientOptions {
  /** https, or http to a loopback host; may have a query. */
  readonly url: string
  /** For the whole call, from the name's lookup to the last byte. */
  readonly timeoutMs: number
  readonly apiKeyHeader: string
  readonly apiKey: string | undefined
  readonly signatureSecret: string | undefined
  /** PEM of the authorities to trust in place of the usual ones. */
  readonly ca?: string | undefined
  readonly maxConnections: number
  /** Unix seconds, for the signature. */
  readonly nowSeconds?: () => number
}

const MAX_BODY_BYTES = 64 * 1024
/** These speak of the tracker's request, not of the passkey: our key is wrong, or we ask too often. */
const ABOUT_THE_TRACKER = new Set([401, 407, 408, 425, 429])

/**
 * Asks `GET <url>?passkey=…`. A 2xx with `{"valid": true}` or `{"data": {"valid": true}}` approves. A 2xx with any other
 * JSON, a redirect (which is never followed) and a 4xx reject. Whatever is no answer about the passkey is `unavailable`:
 * a timeout, a connection that fails, a certificate that is not trusted, a 1xx, a 5xx, 401, 407, 408, 425 or 429, a body that
 * is no JSON or longer than 64 KiB.
 */
export function createSiteClient(options: SiteClientOptions): SiteClient {
  const { timeoutMs, apiKey, signatureSecret, nowSeconds = () => Date.now() / 1000 } = options
  const prefix = queryPrefix(options.url)
  const agentOptions = { keepAlive: true, maxSockets: options.maxConnections }
  const isTls = prefix.startsWith('https:')
  const agent = isTls
    ? new HttpsAgent({ ...agentOptions, ...(options.ca === undefined ? {} : { ca: options.ca }) })
    : new HttpAgent(agentOptions)
  const request = isTls ? httpsRequest : httpRequest
  let underWay = 0
  let isClosed = false

  function headers(passkey: string): Record<string, string> {
    const all: Record<string, string> = { Accept: 'application/json', 'User-Agent': 'redswarm' }
    if (apiKey !== undefined) all[options.apiKeyHeader] = apiKey
    if (signatureSecret !== undefined) {
      const timestamp = String(Math.floor(nowSeconds()))
      all[TIMESTAMP_HEADER] = timestamp
      all[SIGNATURE_HEADER] = signVerifyRequest(signatureSecret, passkey, timestamp)
    }
    return all
  }

  function send(passkey: string, signal: AbortSignal, isRepeated = false): Promise<SiteAnswer> {
    return new Promise((resolve, reject) => {
      // Whatever the request makes of an answer, the call ends in time: who waits for it holds one of few places.
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const outgoing = request(prefix + passkey, { agent, headers: headers(passkey), signal })
      outgoing.on('response', (response) => readAnswer(response, resolve, reject))
      outgoing.on('upgrade', (response, socket) => {
        socket.destroy()
        resolve(judge(response.statusCode!, undefined))
      })
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The endpoint closed an idle connection at the moment we used it: once more, on another.
        if (outgoing.reusedSocket && error.code === 'ECONNRESET' && !isRepeated)
          resolve(send(passkey, signal, true))
        else reject(error)
      })
      outgoing.end()
    })
  }

  return {
    async ask(passkey) {
      const timeout = AbortSignal.timeout(timeoutMs)
      underWay++
      try {
        return await send(passkey, timeout)
      } catch (error) {
        const reason = timeout.aborted
          ? 'timeout'
          : ((error as NodeJS.ErrnoException).code ?? 'connection failed')
        return { verdict: 'unavailable', reason }
      } finally {
        underWay--
        if (isClosed && underWay === 0) agent.destroy()
      }
    },
    close() {
      isClosed = true
      if (underWay === 0) agent.destroy()
      for (const socket of Object.values(agent.sockets).flat()) socket?.unref()
    },
  }
}

/** Everything before the passkey. Its alphabet needs no escapes in a URL. */
function queryPrefix(text: string): string {
  const url = new URL(text)
  url.hash = ''
  const target = url.href.replace(/[?&]$/, '')
  return `${target}${target.includes('?') ? '&' : '?'}passkey=`
}

function readAnswer(
  response: IncomingMessage,
  resolve: (answer: SiteAnswer) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('error', reject)
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes <= MAX_BODY_BYTES) return
    resolve(judge(response.statusCode!, undefined))
    response.destroy()
  })
  response.on('end', () => resolve(judge(response.statusCode!, Buffer.concat(chunks))))
}

/** @param body undefined when it was too long */
function judge(status: number, body: Buffer | undefined): SiteAnswer {
  if (status < 200 || status > 299) {
    const isAboutPasskey = status >= 300 && status < 500 && !ABOUT_THE_TRACKER.has(status)
    return { verdict: isAboutPasskey ? 'rejected' : 'unavailable', reason: `HTTP ${status}` }
  }
  if (body === undefined) return { verdict: 'unavailable', reason: 'body above 64 KiB' }
  let reply: { valid?: unknown; data?: { valid?: unknown } | null } | null
  try {
    reply = JSON.parse(new TextDecoder().decode(body)) // a byte order mark, as PHP files often begin, is passed over
  } catch {
    return { verdict: 'unavailable', reason: 'body is not JSON' }
  }
  const words = [reply?.valid, reply?.data?.valid].filter((word) => word !== undefined)
  const isValid = words.length > 0 && words.every((word) => word === true) // who contradicts himself approves nobody
  return isValid ? { verdict: 'approved', reason: 'valid' } : { verdict: 'rejected', reason: 'not valid' }
}
