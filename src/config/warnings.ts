import { UNUSED_HOOK_KEYS, UNUSED_TRAFFIC_KEYS } from './hookSchemas.ts'
import { type Path, showPath } from './problem.ts'
import { UNUSED_STORAGE_KEYS } from './schema.ts'
import { findHook, type Settings } from './settings.ts'

const NEEDS_HTTP_URL = [
  'http_timeout',
  'http_api_key',
  'http_api_key_header',
  'http_signature_secret',
  'http_ca_path',
] as const
/** Of the extra fields; a total without its beginning cannot be placed. */
const TOTALS = ['up', 'down', 'since'] as const
const SHORTEST_KEY = 16
const CHIHAYA_PLACEHOLDER = /^paste a random string here/

/**
 * What does not stop the start and still should be known: keys of Chihaya that do nothing here, and settings that
 * work differently than an admin who comes from Chihaya may expect.
 *
 * @param isGiven whether the file itself has the key; settings have the defaults filled in
 */
export function warningsOf(settings: Settings, isGiven: (path: Path) => boolean): string[] {
  const warnings: string[] = []
  const warn = (path: Path, text: string) => warnings.push(`${showPath(path)}: ${text}`)
  const unused = (at: Path, keys: Readonly<Record<string, string>>) => {
    for (const [key, replacement] of Object.entries(keys))
      if (isGiven([...at, key])) warn([...at, key], `has no effect here: ${replacement}`)
  }

  unused(['chihaya', 'storage', 'config'], UNUSED_STORAGE_KEYS)
  for (const { name, at } of settings.hooks) {
    if (name === 'passkey approval' || name === 'traffic push') unused([...at, 'options'], UNUSED_HOOK_KEYS)
    if (name === 'traffic push') unused([...at, 'options'], UNUSED_TRAFFIC_KEYS)
  }

  const passkey = findHook(settings, 'passkey approval')
  if (passkey && passkey.options.http_url === undefined)
    for (const key of NEEDS_HTTP_URL)
      if (isGiven([...passkey.at, 'options', key]))
        warn([...passkey.at, 'options', key], 'has no effect without http_url')

  if (passkey && passkey.options.encryption_key === undefined && passkey.options.credential_max_age > 0)
    warn([...passkey.at, 'options', 'credential_max_age'], 'has no effect without encryption_key')
  if (passkey?.options.http_url && settings.http) {
    const { read_timeout, write_timeout } = settings.http
    if (passkey.options.http_timeout >= read_timeout + write_timeout)
      warn(
        [...passkey.at, 'options', 'http_timeout'],
        'is not below read_timeout and write_timeout together, after which a silent connection is cut',
      )
  }

  const traffic = findHook(settings, 'traffic push')
  const totals = TOTALS.filter((field) => traffic?.options.extra_fields.includes(field))
  if (traffic && totals.length > 0 && totals.length < TOTALS.length)
    warn(
      [...traffic.at, 'options', 'extra_fields'],
      `has ${totals.join(' and ')} but not all of ${TOTALS.join(', ')}, which go together: the consumer refuses such entries`,
    )

  const variation = findHook(settings, 'interval variation')
  if (variation) {
    const { max_increase_delta } = variation.options
    if (settings.storage.config.peer_lifetime <= settings.announce_interval + max_increase_delta)
      warn(
        [...variation.at, 'options', 'max_increase_delta'],
        'makes some clients come back after peer_lifetime, so others do not see them for a moment; raise peer_lifetime',
      )
  }

  const { http, udp } = settings
  if (http?.real_ip_header && !isGiven(['chihaya', 'http', 'trusted_proxies']))
    warn(
      ['chihaya', 'http', 'real_ip_header'],
      'is believed from loopback and private addresses; list other proxies in trusted_proxies',
    )
  if (http?.scrape_requires_passkey && !passkey)
    warn(
      ['chihaya', 'http', 'scrape_requires_passkey'],
      'has no effect without the hook passkey approval, which looks at the passkey',
    )
  if (http && !http.https_addr)
    for (const key of ['tls_cert_path', 'tls_key_path'] as const)
      if (http[key] !== undefined) warn(['chihaya', 'http', key], 'has no effect without https_addr')
  if (udp && udp.private_key === undefined)
    warn(
      ['chihaya', 'udp', 'private_key'],
      'is missing, so each instance makes its own and clients cannot move between instances',
    )
  if (CHIHAYA_PLACEHOLDER.test(udp?.private_key ?? ''))
    warn(
      ['chihaya', 'udp', 'private_key'],
      'is the text of the example file, which everybody knows; put a random one',
    )
  else if (udp?.private_key !== undefined && udp.private_key.length < SHORTEST_KEY)
    warn(
      ['chihaya', 'udp', 'private_key'],
      `is shorter than ${SHORTEST_KEY} characters and can be guessed; put a random one`,
    )

  const { evaluation_delay } = settings.risk
  if (isGiven(['chihaya', 'risk']) && evaluation_delay < settings.announce_interval)
    warn(
      ['chihaya', 'risk', 'evaluation_delay'],
      'is below announce_interval: uploaders are judged before those who took the bytes have reported them',
    )
  return warnings
}
