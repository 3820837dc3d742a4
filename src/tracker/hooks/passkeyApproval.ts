import { Refusal } from '../../bittorrent/failure.ts'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { AnnounceRequest, Passkey, ScrapeRequest } from '../../bittorrent/types.ts'
import { caFile } from '../../config/caFile.ts'
import { requestHeaderName, requestHeaderValue } from '../../config/headerValues.ts'
import { section } from '../../config/section.ts'
import {
  emptyIsAbsent,
  encryptionKey,
  flag,
  integer,
  milliseconds,
  redisKey,
  redisUrl,
  seconds,
  text,
  verifyUrl,
} from '../../config/values.ts'
import { decryptCredential } from '../../contract/credentials.ts'
import { PASSKEYS_KEY } from '../../contract/redisKeys.ts'
import { SITE_FIELD_BYTES, SITE_FIELDS } from '../../contract/trafficEvent.ts'
import type { Hook } from '../core/tracker.ts'
import { UNUSED_KEYS } from './chihayaKeys.ts'
import { defineHook } from './hook.ts'

/** What an encrypted credential holds. */
export interface OpenedCredential {
  /** Unchecked. */
  readonly passkey: string
  /** Unix seconds. */
  readonly issuedSeconds: number
  /** Any JSON value; undefined, null and the empty text are left out of the event. */
  readonly fd?: unknown
  readonly pd?: unknown
}

/** How far the site's clock may be ahead of ours. */
const CLOCK_SKEW_SECONDS = 300

export interface CredentialOptions {
  /** Decrypts; undefined for a text that the site did not make. */
  readonly open: (text: string) => OpenedCredential | undefined
  /** Older ones are refused, and so are those from the future, which would never grow old; 0: any age is fine. */
  readonly maxAgeSeconds: number
  /** Unix seconds. */
  readonly nowSeconds: () => number
}

export interface PasskeyApprovalOptions {
  /** false: the site keeps no list, and its verify endpoint alone decides. */
  readonly hasWhitelist: boolean
  /** A scrape without a well-formed passkey is refused. Scrapes are never checked against the whitelist: they change nothing. */
  readonly scrapeRequiresPasskey: boolean
  /** Clients carry encrypted credentials, and nothing else is taken. undefined: they carry the passkey itself. */
  readonly credentials?: CredentialOptions | undefined
}

/** Only the site's users: the announce script checks the whitelist, in the same round trip as everything else. */
export function passkeyApproval(options: PasskeyApprovalOptions): Hook {
  const { hasWhitelist, scrapeRequiresPasskey, credentials } = options
  const open = credentials && credentialOpener(credentials)

  function requirePasskey(request: AnnounceRequest | ScrapeRequest) {
    if (!request.passkey) throw new Refusal('missingPasskey')
    const credential = open ? open(request.passkey) : { passkey: request.passkey }
    return { passkey: wellFormed(credential?.passkey), credential }
  }

  return {
    name: 'passkey approval',
    announce(request, plan) {
      const { passkey, credential } = requirePasskey(request)
      plan.passkey = passkey
      plan.approval = hasWhitelist ? 'whitelist' : 'endpoint'
      if (open && credential) plan.siteFields = [...plan.siteFields, ...siteFields(credential)]
    },
    scrape(request) {
      if (scrapeRequiresPasskey) requirePasskey(request)
    },
  }
}

function wellFormed(text: string | undefined): Passkey {
  const passkey = text === undefined ? undefined : parsePasskey(text)
  if (passkey === undefined) throw new Refusal('invalidPasskey')
  return passkey
}

function credentialOpener({ open, maxAgeSeconds, nowSeconds }: CredentialOptions) {
  return function openFresh(text: string): OpenedCredential | undefined {
    const credential = open(text)
    if (!credential) return undefined
    if (maxAgeSeconds === 0) return credential
    const ageSeconds = nowSeconds() - credential.issuedSeconds
    return ageSeconds <= maxAgeSeconds && ageSeconds >= -CLOCK_SKEW_SECONDS ? credential : undefined
  }
}

/** Names and values in turn. Text goes as it is, anything else as JSON. */
function siteFields(credential: Partial<OpenedCredential>): Buffer[] {
  return SITE_FIELDS.flatMap((name) => {
    const value = credential[name]
    if (value === undefined || value === null || value === '') return []
    const text = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
    if (text.length > SITE_FIELD_BYTES) throw new Refusal('invalidPasskey')
    return [Buffer.from(name), text]
  })
}

const NEEDS_HTTP_URL = [
  'http_timeout',
  'http_api_key',
  'http_api_key_header',
  'http_signature_secret',
  'http_ca_path',
]

export const passkeyApprovalHook = defineHook({
  name: 'passkey approval',
  options: section(
    {
      redisBroker: ['redis_broker', emptyIsAbsent(redisUrl), 'password'],
      /** Without the key prefix. */
      setKey: ['set_key', redisKey.prefault(PASSKEYS_KEY)],
      /** false: the site keeps no list, so there is an httpUrl, which alone decides. */
      hasWhitelist: ['whitelist', flag.prefault(true)],
      /** undefined: the list alone decides. */
      httpUrl: ['http_url', emptyIsAbsent(verifyUrl)],
      httpTimeoutMs: ['http_timeout', milliseconds('100ms', '1m').prefault('5s')],
      httpApiKeyHeader: ['http_api_key_header', requestHeaderName.prefault('X-API-Key')],
      httpApiKey: ['http_api_key', emptyIsAbsent(requestHeaderValue), 'secret'],
      httpSignatureSecret: ['http_signature_secret', emptyIsAbsent(text()), 'secret'],
      /** Authorities to trust in place of the usual ones. */
      httpCa: ['http_ca_path', emptyIsAbsent(caFile)],
      httpMaxConcurrency: ['http_max_concurrency', integer(1, 1000).prefault(16)],
      httpRatePerSecond: ['http_rate_per_second', integer(1, 100_000).prefault(50)],
      cacheTtlSeconds: ['cache_ttl_seconds', integer(1, 86_400).prefault(300)],
      negativeCacheTtlSeconds: ['negative_cache_ttl_seconds', integer(1, 86_400).prefault(60)],
      /** 32 bytes. undefined: clients carry the passkey itself. */
      encryptionKey: ['encryption_key', emptyIsAbsent(encryptionKey), 'secret'],
      /** 0: no credential is too old. */
      credentialMaxAgeSeconds: ['credential_max_age', seconds('0s', '87600h').prefault('0s')],
    },
    UNUSED_KEYS,
  ),
  *problems({ hasWhitelist, httpUrl }) {
    if (!hasWhitelist && httpUrl === undefined)
      yield {
        key: 'whitelist',
        involves: ['http_url'],
        text: 'is false and http_url is missing: nobody would be let in',
      }
  },
  *warnings(options, { isGiven, httpPatienceMs }) {
    const { httpUrl, httpTimeoutMs, encryptionKey, credentialMaxAgeSeconds } = options
    for (const key of httpUrl === undefined ? NEEDS_HTTP_URL : [])
      if (isGiven(key)) yield { key, text: 'has no effect without http_url' }
    if (encryptionKey === undefined && credentialMaxAgeSeconds > 0)
      yield { key: 'credential_max_age', text: 'has no effect without encryption_key' }
    if (httpUrl && httpPatienceMs !== undefined && httpTimeoutMs >= httpPatienceMs)
      yield {
        key: 'http_timeout',
        text: 'is not below read_timeout and write_timeout together, after which a silent connection is cut',
      }
  },
  hiddenKeys: ({ httpUrl }) =>
    httpUrl === undefined ? [...NEEDS_HTTP_URL, 'http_max_concurrency', 'http_rate_per_second'] : [],
  create({ hasWhitelist, encryptionKey, credentialMaxAgeSeconds }, { scrapeRequiresPasskey }) {
    return passkeyApproval({
      hasWhitelist,
      scrapeRequiresPasskey,
      credentials: encryptionKey && {
        open: (text) => decryptCredential(text, encryptionKey),
        maxAgeSeconds: credentialMaxAgeSeconds,
        nowSeconds: () => Date.now() / 1000,
      },
    })
  },
})
