import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Command, type Redis } from 'ioredis'
import { StoreUnavailable } from '../runtime/errors.ts'

/** Scripts live beside the sources and beside the compiled code alike: two folders up. */
const LUA_FOLDER = new URL('../../lua/', import.meta.url)
const INCLUDE = /^--@include (\S+)$/

type Value = string | Buffer
/** A name that begins with `...` takes a list, and stands last. */
type Named<Names extends readonly string[]> = {
  readonly [N in Names[number] as N extends `...${infer Rest}` ? Rest : N]: N extends `...${string}`
    ? readonly Value[]
    : Value
}

export interface ScriptDefinition<Keys extends readonly string[], Args extends readonly string[], Reply> {
  /** Path below `lua/`. */
  readonly file: string
  /** In the order of the script's header. */
  readonly keys: Keys
  readonly args: Args
  /** Bulk strings arrive as Buffers. Throws when the reply has another shape. */
  readonly parse: (reply: unknown) => Reply
}

export interface Script<Keys extends readonly string[], Args extends readonly string[], Reply> {
  /** One round trip (two after a SCRIPT FLUSH or a restart). Throws StoreUnavailable when Redis does not answer or the script fails. */
  (redis: Redis, keys: Named<Keys>, args: Named<Args>): Promise<Reply>
  readonly definition: ScriptDefinition<Keys, Args, Reply>
  readonly source: string
  readonly sha: string
}

/** A typed function for one file of `lua/`: keys and arguments go by name, their order is written once. */
export function defineScript<
  const Keys extends readonly string[],
  const Args extends readonly string[],
  Reply,
>(definition: ScriptDefinition<Keys, Args, Reply>): Script<Keys, Args, Reply> {
  const source = loadLua(definition.file)
  const sha = createHash('sha1').update(source).digest('hex')
  const { keys: keyNames, args: argNames, parse } = definition
  const file = basename(definition.file)

  const run = async (redis: Redis, keys: Named<Keys>, args: Named<Args>): Promise<Reply> => {
    const parameters = inOrder(keyNames, keys)
    const keyCount = parameters.length
    for (const value of inOrder(argNames, args)) parameters.push(value)
    try {
      return parse(await evaluate(redis, 'evalsha', sha, keyCount, parameters))
    } catch (error) {
      if (!isNoScript(error)) throw new StoreUnavailable(file, { cause: withoutArguments(error) })
    }
    try {
      return parse(await evaluate(redis, 'eval', source, keyCount, parameters)) // loads it for the next call
    } catch (error) {
      throw new StoreUnavailable(file, { cause: withoutArguments(error) })
    }
  }
  return Object.assign(run, { definition, source, sha })
}

/** A server that does not know a command repeats its arguments, and a key among them may hold a passkey. */
function withoutArguments(error: unknown): unknown {
  if (error instanceof Error) error.message = error.message.replace(/, with args beginning with:.*/s, '')
  return error
}

function evaluate(
  redis: Redis,
  how: string,
  script: string,
  keyCount: number,
  parameters: Value[],
): Promise<unknown> {
  const bytes = encodeCommand([how, script, String(keyCount), ...parameters])
  return redis.sendCommand(new EncodedCommand(how, bytes)) as Promise<unknown>
}

/** A command whose bytes are ready. The client's own writer costs more than the rest of an announce's way to Redis. */
class EncodedCommand extends Command {
  readonly #bytes: Buffer

  constructor(name: string, bytes: Buffer) {
    super(name, [])
    this.#bytes = bytes
  }

  override toWritable(): Buffer {
    return this.#bytes
  }
}

/** One request in Redis' protocol: an array of bulk strings. Strings are ASCII: ids, numbers, configured names. */
export function encodeCommand(words: readonly Value[]): Buffer {
  let text = `*${words.length}\r\n`
  for (const word of words) {
    text += `$${word.length}\r\n${typeof word === 'string' ? word : word.toString('latin1')}\r\n`
  }
  return Buffer.from(text, 'latin1')
}

function inOrder(names: readonly string[], values: object): Value[] {
  const list: Value[] = []
  for (const name of names) {
    if (!name.startsWith('...')) list.push((values as Record<string, Value>)[name]!)
    else list.push(...(values as Record<string, Value[]>)[name.slice(3)]!)
  }
  return list
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

/** Every script below `lua/`, as `tracker/scrape.lua`, in alphabetical order. `lib/` holds only what scripts include. */
export function luaFiles(): string[] {
  return readdirSync(LUA_FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.lua') && !file.startsWith('lib/'))
    .sort()
}

/**
 * Source of `lua/<file>` with every `--@include` line replaced by that file, once each.
 * Throws when the file or an include is missing, includes itself, or when a script lacks its `#!lua` line.
 */
export function loadLua(file: string, folder: URL = LUA_FOLDER): string {
  const source = expand(file, folder, new Set())
  if (!source.startsWith('#!lua')) throw new Error(`lua/${file}: the first line must be #!lua with its flags`)
  return source
}

function expand(file: string, folder: URL, seen: Set<string>): string {
  seen.add(file)
  const lines = readFileSync(new URL(file, folder), 'utf8').split('\n')
  const expanded: string[] = []
  for (const line of lines) {
    const include = INCLUDE.exec(line)?.[1]
    if (include === undefined) expanded.push(line)
    else if (!seen.has(include)) expanded.push(expand(include, folder, seen))
  }
  return expanded.join('\n')
}
