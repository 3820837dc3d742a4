import { z } from 'zod'
import { emptyIsAbsent } from './values.ts'

/**
 * What else holds for a key. `restart`: a running process cannot change it. `secret`: its value is never shown.
 * `password`: a URL that may contain one. `required`: a section without it is refused; the empty text counts as absent.
 */
export type Mark = 'restart' | 'secret' | 'password' | 'required'
/** Name in the file; values that it takes, with bounds and default; marks. */
export type Entry = readonly [key: string, schema: z.ZodType, ...marks: Mark[]]
/** Entries by their names in the program. */
export type Entries = Readonly<Record<string, Entry>>
/** Keys that are accepted and have no effect: what takes their place, for a warning, or the values that they may have. */
export type UnusedKeys = Readonly<Record<string, string | z.ZodType>>

export type Values<E extends Entries> = { readonly [Name in keyof E]: Unchanging<z.output<E[Name][1]>> }
type Unchanging<T> = T extends readonly (infer Item)[] ? readonly Item[] : T

/** A codec between one map of the file and the program's values; `z.encode` shows the values as the file writes them. */
export interface Section<T> extends z.ZodType<T, unknown>, Keys {}

interface Keys {
  readonly entries: Entries
  readonly unused: UnusedKeys
}

const MASK = '***'

/**
 * Defines one section of the file. One line per key says everything about it:
 *
 * ```ts
 * const sweep = section({
 *   intervalMs: ['gc_interval', milliseconds('1s', '1h').prefault('3m')],
 *   tokens: ['tokens', list(text()).prefault([]), 'secret', 'restart'],
 * })
 * ```
 *
 * The unit ends the name in the program. Keys without a default are wrapped in `emptyIsAbsent`.
 */
export function section<const E extends Entries>(entries: E, unused: UnusedKeys = {}): Section<Values<E>> {
  const names = Object.entries(entries).map(([name, [key]]) => [name, key] as const)
  const used = Object.values(entries).map(
    ([key, schema, ...marks]) => [key, marks.includes('required') ? emptyIsAbsent(schema) : schema] as const,
  )
  const ignored = Object.entries(unused).map(
    ([key, rule]) => [key, typeof rule === 'string' ? z.unknown().optional() : rule.optional()] as const,
  )
  const map = z.codec(z.unknown(), z.strictObject(Object.fromEntries([...used, ...ignored])), {
    decode: (raw) => raw as Record<string, unknown>,
    encode: (shown) => maskSecrets(entries, shown),
  })
  const codec = z.codec(
    map,
    z.custom<Values<E>>(() => true),
    {
      decode: (tree) => Object.fromEntries(names.map(([name, key]) => [name, tree[key]])) as Values<E>,
      encode: (values) => Object.fromEntries(names.map(([name, key]) => [key, values[name]])),
    },
  )
  return Object.assign(codec, { entries, unused }) as unknown as Section<Values<E>>
}

function maskSecrets(entries: Entries, shown: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const tree = { ...shown }
  for (const [key, , ...marks] of Object.values(entries))
    if (marks.includes('secret') && tree[key] !== undefined)
      tree[key] = Array.isArray(tree[key]) ? tree[key].map(() => MASK) : MASK
  return tree
}

interface Unwrapped extends z.core.$ZodType, Partial<Keys> {
  /** Of a value: its bounds, as the documentation writes them. */
  readonly range?: string | undefined
}

/** A schema without what wraps it: defaults, optional values, codecs around it. */
export function unwrap(schema: z.core.$ZodType): Unwrapped {
  let node: Unwrapped = schema
  while (!('entries' in node || 'range' in node)) {
    const def = node._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType; out?: z.core.$ZodType }
    const inner = def.innerType ?? (def.in?._zod.def.type === 'unknown' ? def.out : def.in)
    if (inner === undefined) break
    node = inner
  }
  return node
}

/** The section, list or value that stands at a path of the file; undefined where the schema has none. */
function schemaAt(schema: z.core.$ZodType, path: readonly (string | number)[]): z.core.$ZodType | undefined {
  return path.reduce<z.core.$ZodType | undefined>((parent, key) => {
    if (parent === undefined) return undefined
    const node = unwrap(parent)
    const def = node._zod.def as { shape?: Record<string, z.core.$ZodType>; element?: z.core.$ZodType }
    if (typeof key === 'number') return def.element
    return node.entries ? Object.values(node.entries).find(([name]) => name === key)?.[1] : def.shape?.[key]
  }, schema)
}

/** The keys that a schema has at a path. */
export function keysAt(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  const found = schemaAt(schema, path)
  if (found === undefined) return []
  const { entries, unused = {}, _zod } = unwrap(found)
  if (entries) return [...Object.values(entries).map(([key]) => key), ...Object.keys(unused)]
  return Object.keys((_zod.def as { shape?: object }).shape ?? {})
}

/** Keys with the mark `required` that have no value. */
export function missingKeys({ entries }: Keys, values: object): string[] {
  return Object.entries(entries)
    .filter(([name, [, , ...marks]]) => marks.includes('required') && !(values as Values<Entries>)[name])
    .map(([, [key]]) => key)
}

/** The marks of every key on a path. */
export function marksAt(schema: z.ZodType, path: readonly (string | number)[]): Mark[] {
  return path.flatMap((key, index) => {
    const parent = schemaAt(schema, path.slice(0, index))
    const entries = parent && unwrap(parent).entries
    const [, , ...marks] = Object.values(entries ?? {}).find(([name]) => name === key) ?? ['', z.unknown()]
    return marks
  })
}
