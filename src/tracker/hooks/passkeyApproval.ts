import { Refusal } from '../../bittorrent/failure.ts'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { AnnounceRequest, Passkey, ScrapeRequest } from '../../bittorrent/types.ts'
import { SITE_FIELD_BYTES, SITE_FIELDS } from '../../contract/trafficEvent.ts'
import type { Hook } from '../core/tracker.ts'

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
      if (open && credential) plan.siteFields = siteFields(credential)
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
