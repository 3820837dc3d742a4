import type { HookName } from './hookSchemas.ts'
import type { Problem } from './problem.ts'
import type { Settings } from './settings.ts'

/** What the schema knows and this version does not do. A line leaves this file when its feature arrives. */
const HOOKS: readonly HookName[] = ['jwt', 'client approval', 'torrent approval', 'interval variation']
const PASSKEY_OPTIONS = ['http_url', 'encryption_key'] as const
const HTTP_KEYS = { https_addr: 'HTTPS in the tracker itself; put a proxy in front for TLS' }

/** Nothing asked for is left out in silence: each of these stops the start. */
export function notYetProblems(settings: Settings): Problem[] {
  const problems: Problem[] = []
  const refuse = (path: Problem['path'], what: string) =>
    problems.push({ path, text: `is not available in this version (${what})` })

  for (const { name, options, at } of settings.hooks) {
    if (HOOKS.includes(name)) refuse([...at, 'name'], `hook "${name}"`)
    if (name === 'passkey approval')
      for (const key of PASSKEY_OPTIONS) if (options[key] !== undefined) refuse([...at, 'options', key], name)
  }
  for (const [key, what] of Object.entries(HTTP_KEYS))
    if (settings.http?.[key as keyof typeof HTTP_KEYS] !== undefined) refuse(['chihaya', 'http', key], what)
  return problems
}
