import { definitionOf } from '../tracker/hooks/list.ts'
import { keysAt } from './section.ts'
import { chihayaSection, storageSection } from './sections.ts'
import type { SiteSections } from './siteSections.ts'

/** Takes the part of the parsed file that a command needs. `sections` says which keys there are beside the tracker's. */
export type PartialConfig = (tree: unknown, sections: SiteSections) => unknown

type Section = Record<string, unknown>

const STORAGE_KEYS = ['redis_broker', 'redis_connect_timeout', 'store_timeout', 'key_prefix']
/** `accounting_ttl`, and what it is compared with. */
const ACCOUNTING_KEYS = ['announce_interval', 'min_announce_interval', 'peer_lifetime', 'accounting_ttl']
/** Keys that say where something is, by the hook's name. */
type HookKeys = Readonly<Record<string, readonly string[]>>

const BROKERS: HookKeys = { 'passkey approval': ['redis_broker'], 'traffic push': ['redis_broker'] }
const WHITELIST: HookKeys = { ...BROKERS, 'passkey approval': ['redis_broker', 'set_key'] }
const TRAFFIC: HookKeys = { ...BROKERS, 'traffic push': ['redis_broker', 'stream_key'] }

/**
 * Where the whitelist is, so that somebody can be locked out while the rest of the file has a mistake or names a variable
 * that is only set for the tracker. Unknown keys beside those stay, and are refused as always: one of them may be the
 * misspelled name of the list.
 *
 * @param tree the parsed file, before its variables are replaced; not changed
 * @returns what loads as a configuration of which `redis` and the approval's `setKey` hold, and nothing else
 */
export const whitelistConfig: PartialConfig = (tree, sections) => partialConfig(tree, sections, WHITELIST)

/** The same for the traffic stream: `redis`, the push's `streamKey` and `logLevel` hold. */
export const trafficConfig: PartialConfig = (tree, sections) =>
  partialConfig(tree, sections, TRAFFIC, ['log_level'])

/** The same for the consumer: the traffic stream, the section `consumer`, and how long the tracker remembers a session. */
export const consumerConfig: PartialConfig = (tree, sections) =>
  partialConfig(tree, sections, TRAFFIC, ['log_level', 'consumer', ...ACCOUNTING_KEYS])

/** The same for the risk rules: where the whitelist is, and the section `risk`. */
export const riskConfig: PartialConfig = (tree, sections) =>
  partialConfig(tree, sections, WHITELIST, ['risk'])

function partialConfig(
  tree: unknown,
  sections: SiteSections,
  hookKeys: HookKeys,
  neededKeys: readonly string[] = [],
): unknown {
  if (!isSection(tree) || !isSection(tree.chihaya)) return tree
  const needed = ['storage', 'prehooks', 'posthooks', ...neededKeys]
  const chihaya = only(tree.chihaya, keysAt(chihayaSection(sections), []), needed)
  const { storage, prehooks, posthooks } = chihaya
  if (isSection(storage) && isSection(storage.config)) {
    const config = only(storage.config, keysAt(storageSection, []), [...STORAGE_KEYS, ...neededKeys])
    chihaya.storage = { ...storage, config }
  }
  const kept = (hooks: readonly unknown[]) =>
    hooks.map((entry) => hook(entry, hookKeys)).filter((entry) => entry !== undefined)
  if (Array.isArray(prehooks)) chihaya.prehooks = kept(prehooks)
  if (Array.isArray(posthooks)) chihaya.posthooks = kept(posthooks)
  chihaya.http = { addr: ':6969' } // some frontend there must be
  return { ...tree, chihaya }
}

/** @returns undefined for a hook that has no say in where things are */
function hook(entry: unknown, hookKeys: HookKeys): unknown {
  const definition = isSection(entry) ? definitionOf(String(entry.name)) : undefined
  if (!isSection(entry) || definition === undefined) return entry
  const needed = hookKeys[definition.name]
  if (needed === undefined) return undefined
  if (!isSection(entry.options)) return entry
  return { ...entry, options: only(entry.options, keysAt(definition.options, []), needed) }
}

/** Without the keys that are known and not needed. */
function only(section: Section, known: readonly string[], needed: readonly string[]): Section {
  const isKept = (key: string) => needed.includes(key) || !known.includes(key)
  return Object.fromEntries(Object.entries(section).filter(([key]) => isKept(key)))
}

function isSection(node: unknown): node is Section {
  return typeof node === 'object' && node !== null && !Array.isArray(node)
}
