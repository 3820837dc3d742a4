import { HOOK_SCHEMAS } from './hookSchemas.ts'
import { chihayaSchema, storageSchema } from './schema.ts'
import { keysAt } from './section.ts'

type Section = Record<string, unknown>

const STORAGE_KEYS = ['redis_broker', 'redis_connect_timeout', 'store_timeout', 'key_prefix']
/** Keys that say where something is, by the hook's name. */
type HookKeys = Readonly<Record<string, readonly string[]>>

/**
 * What of the file says where the whitelist is, so that somebody can be locked out while the rest of it has a mistake or
 * names a variable that is only set for the tracker. Unknown keys beside those stay, and are refused as always: one of
 * them may be the misspelled name of the list.
 *
 * @param tree the parsed file, before its variables are replaced; not changed
 * @returns what loads as a configuration of which `redis` and the approval's `setKey` hold, and nothing else
 */
export const whitelistView = (tree: unknown): unknown =>
  placesView(tree, { 'passkey approval': ['redis_broker', 'set_key'], 'traffic push': ['redis_broker'] })

/** The same for the traffic stream: `redis`, the push's `streamKey` and `logLevel` hold. */
export const trafficView = (tree: unknown): unknown =>
  placesView(tree, { 'passkey approval': ['redis_broker'], 'traffic push': ['redis_broker', 'stream_key'] }, [
    'log_level',
  ])

/** The same for the risk rules: where the whitelist is, and the section `risk`. */
export const riskView = (tree: unknown): unknown =>
  placesView(tree, { 'passkey approval': ['redis_broker', 'set_key'], 'traffic push': ['redis_broker'] }, [
    'risk',
  ])

function placesView(tree: unknown, hookKeys: HookKeys, sections: readonly string[] = []): unknown {
  if (!isSection(tree) || !isSection(tree.chihaya)) return tree
  const chihaya = only(tree.chihaya, keysAt(chihayaSchema, []), [
    'storage',
    'prehooks',
    'posthooks',
    ...sections,
  ])
  const { storage, prehooks, posthooks } = chihaya
  if (isSection(storage) && isSection(storage.config)) {
    const config = only(storage.config, keysAt(storageSchema, []), STORAGE_KEYS)
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
  if (!isSection(entry) || typeof entry.name !== 'string' || !Object.hasOwn(HOOK_SCHEMAS, entry.name))
    return entry
  const needed = hookKeys[entry.name]
  if (needed === undefined) return undefined
  if (!isSection(entry.options)) return entry
  const known = keysAt(HOOK_SCHEMAS[entry.name as keyof typeof HOOK_SCHEMAS], [])
  return { ...entry, options: only(entry.options, known, needed) }
}

/** Without the keys that are known and not needed. */
function only(section: Section, known: readonly string[], needed: readonly string[]): Section {
  const isKept = (key: string) => needed.includes(key) || !known.includes(key)
  return Object.fromEntries(Object.entries(section).filter(([key]) => isKept(key)))
}

function isSection(node: unknown): node is Section {
  return typeof node === 'object' && node !== null && !Array.isArray(node)
}
