import { parsePasskey } from '../../src/bittorrent/passkey.ts'
import { passwordOf, REDIS_USERS } from './servers/redisUsers.ts'

/**
 * What the programs under test must never say: every passkey, key and password that a test hands them is noted where it is
 * handed over (a URL that is asked for, a configuration, a command line), and all that they print is held against them
 * when the test file ends; see checkSecrets.ts.
 */
const secrets = new Set<string>()
const heard: { readonly who: string; readonly text: () => string }[] = []

/** Shorter ones would be found by chance. */
const SHORTEST = 10
const ROUTES = /\/(?:announce|scrape)(?:\.php)?\/([^/?\s]+)|\/([^/?\s]+)\/(?:announce|scrape)(?=\?|$)/g
const PARAMETERS = /[?&;](?:passkey|uk|credential|token)=([^&;\s]+)/gi
const CONFIG_KEYS =
  /^(private_key|previous_private_keys|http_api_key|http_signature_secret|encryption_key|jwk_set_url|http_url|redis_broker)$/

export function noteSecrets(...values: readonly (string | undefined)[]): void {
  for (const value of values) if (value !== undefined && value.length >= SHORTEST) secrets.add(value)
}

/** Passkeys of an announce URL, password and tokens of any. */
export function noteSecretsOfUrl(url: string): void {
  const [, password] = /^\w+:\/\/[^/?#@]*?:?([^:/?#@]+)@/.exec(url) ?? []
  noteSecrets(password && decodeURIComponent(password))
  const target = url.replace(/^\w+:\/\/[^/?#]*/, '')
  for (const [, after, before] of target.matchAll(ROUTES)) noteSecrets(passkeyOf(after ?? before!))
  for (const [, value] of target.matchAll(PARAMETERS)) noteSecrets(passkeyOf(value!))
}

/** As the program may have it: decoded, or as it came. */
function passkeyOf(text: string): string {
  try {
    const decoded = decodeURIComponent(text)
    return parsePasskey(decoded) ?? decoded
  } catch {
    return text
  }
}

/** Keys and passwords in the tree of a configuration file. */
export function noteSecretsOfConfig(tree: unknown): void {
  if (typeof tree !== 'object' || tree === null) return
  for (const [key, value] of Object.entries(tree)) {
    const values = [value].flat()
    for (const each of values) {
      if (typeof each !== 'string') noteSecretsOfConfig(each)
      else if (CONFIG_KEYS.test(key) && /^\w+:\/\//.test(each)) noteSecretsOfUrl(each)
      else if (CONFIG_KEYS.test(key)) noteSecrets(each)
    }
  }
}

/** Operands of `passkeys …` and the passwords of URLs, wherever they stand. */
export function noteSecretsOfCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): void {
  for (const text of [...args, ...Object.values(env)]) if (text?.includes('://')) noteSecretsOfUrl(text)
  const at = args.indexOf('passkeys')
  const isSingle = at >= 0 && ['add', 'remove', 'has'].includes(args[at + 1]!)
  if (isSingle) noteSecrets(...args.slice(at + 2).filter((arg) => parsePasskey(arg) !== undefined))
  const option = args.indexOf('--passkey')
  if (option >= 0) noteSecrets(args[option + 1])
}

/** @param text all that it has said when it is asked; lines that show a secret on purpose left out */
export function watchOutput(who: string, text: () => string): void {
  heard.push({ who, text })
}

/** One line for each secret that was said, the secret itself masked; and how much there was to look through. */
export function saidSecrets(): {
  readonly leaks: string[]
  readonly outputs: number
  readonly secrets: number
} {
  noteSecrets(...REDIS_USERS.map(passwordOf))
  const leaks = heard.flatMap(({ who, text }) => {
    const output = text()
    return [...secrets]
      .filter((secret) => output.includes(secret))
      .map((secret) => `${who} said ${secret.slice(0, 3)}…: ${lineWith(output, secret)}`)
  })
  return { leaks: [...new Set(leaks)], outputs: heard.length, secrets: secrets.size }
}

function lineWith(output: string, secret: string): string {
  const line = output.split('\n').find((each) => each.includes(secret)) ?? ''
  const at = line.indexOf(secret)
  return `${line.slice(Math.max(0, at - 200), at)}<HERE>${line.slice(at + secret.length, at + secret.length + 100)}`
}
