import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { ConfigError } from '../runtime/errors.ts'
import { buildConfig, type Settings } from './build.ts'
import type { Config } from './config.ts'
import { type Environment, substituteEnvironment } from './environment.ts'
import { findHook, placementProblems, validateHooks } from './hooks.ts'
import type { PartialConfig } from './partialConfig.ts'
import { type Path, type Problem, showPath, showProblem, showValue, valueAt } from './problem.ts'
import { parseRedisUrl, type RedisConnection } from './redisUrl.ts'
import { withRelatedDefaults } from './relatedDefaults.ts'
import { relationProblems } from './relations.ts'
import { chihayaSection } from './sections.ts'
import type { SiteSections, SiteValues } from './siteSections.ts'
import { readTlsPair } from './tlsPair.ts'
import { validate } from './validate.ts'
import { warningsOf } from './warnings.ts'

type NoSections = Record<never, never>

export interface LoadedConfig<S extends SiteSections = NoSections> {
  readonly config: Config & SiteValues<S>
  /** One line each; they do not stop the start. */
  readonly warnings: readonly string[]
}

export interface LoadOptions<S extends SiteSections> {
  /** The site's sections; without them their keys are unknown. */
  readonly sections?: S
  /** Takes a part of the file for the whole. */
  readonly part?: PartialConfig
}

/** Reads a file; otherwise as `loadConfig`. A file that cannot be read is a ConfigError too. */
export function loadConfigFile<S extends SiteSections = NoSections>(
  path: string,
  env: Environment = process.env,
  options: LoadOptions<S> = {},
): LoadedConfig<S> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ConfigError([
      `${path}: ${code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`}`,
    ])
  }
  return loadConfig(text, env, options)
}

/**
 * From YAML to a configuration that may start. `REDIS_URL` in the environment takes the place of every `redis_broker`.
 *
 * @throws ConfigError with every problem of the file at once. No line contains a password or key.
 */
export function loadConfig<S extends SiteSections = NoSections>(
  text: string,
  env: Environment,
  { sections, part = (tree) => tree }: LoadOptions<S> = {},
): LoadedConfig<S> {
  const site: SiteSections = sections ?? {}
  const { value: tree, problems } = substituteEnvironment(part(parseYaml(text), site), env)
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree))
    throw new ConfigError(['the file holds no keys; everything stands under the key chihaya'])
  const unset = new Set(problems.map(({ path }) => showPath(path)))
  const root = validate(z.strictObject({ chihaya: z.unknown().optional() }), tree, [])
  problems.push(...root.problems)
  const chihaya = root.value?.chihaya
  if (chihaya === undefined)
    throw configError([
      ...problems,
      { path: ['chihaya'], text: 'is missing: it is the key around everything' },
    ])
  const given = structuredClone(tree)
  problems.push(...takeForeignStorage(chihaya))

  const { settings: own, problems: sectionProblems } = readSettings(chihaya, site)
  if (own === undefined) throw configError([...problems, ...sectionProblems])
  // The hole that a variable leaves which is not set is no second mistake.
  problems.push(...sectionProblems.filter(({ path }) => !unset.has(showPath(path))))

  const override = redisUrlOf(env, problems)
  const wrong = problems.map(({ path }) => path)
  const isGiven = (path: Path) => ![undefined, ''].includes(valueAt(given, path) as '' | undefined)
  const settings = withRelatedDefaults(own, isGiven)
  problems.push(
    ...relationProblems(settings, site, { wrong, isGiven, hasRedisUrl: Boolean(env.REDIS_URL) }),
    ...placementProblems(settings.hooks),
  )
  const tls = tlsOf(settings, problems)
  const connection = override ?? brokerOf(settings)
  if (problems.length > 0 || connection === undefined) throw configError(problems)
  return {
    config: buildConfig(settings, connection, tls?.pair) as Config & SiteValues<S>,
    warnings: [
      ...warningsOf(settings, site, isGiven),
      ...(tls?.warning ? [`chihaya.http.tls_cert_path: ${tls.warning}`] : []),
    ],
  }
}

/** Checks everything below `chihaya`, the hooks' options included. */
function readSettings(
  chihaya: unknown,
  sections: SiteSections,
): { settings: Settings | undefined; problems: Problem[] } {
  const { value, problems } = validate(chihayaSection(sections), chihaya, ['chihaya'])
  if (value === undefined) return { settings: undefined, problems }
  const { prehooks, posthooks, ...rest } = value
  const pre = validateHooks(prehooks, ['chihaya', 'prehooks'])
  const post = validateHooks(posthooks, ['chihaya', 'posthooks'])
  return {
    settings: { ...rest, hooks: [...pre.hooks, ...post.hooks] },
    problems: [...problems, ...pre.problems, ...post.problems],
  }
}

function configError(problems: readonly Problem[]): ConfigError {
  return new ConfigError(problems.map(showProblem))
}

function parseYaml(text: string): unknown {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { prettyErrors: false, lineCounter, merge: true, logLevel: 'error' })
  const lines = document.errors.map(({ code, pos, message }) => {
    const { line, col } = lineCounter.linePos(pos[0])
    if (code === 'MULTIPLE_DOCS') return `line ${line}: a second document begins here; a file holds one`
    // From a colon or quote on, the parser may repeat the file, and with it a secret.
    return `line ${line}, column ${col}: ${message.split(/[:"'`]/)[0]!.trim()}`
  })
  if (lines.length > 0) throw new ConfigError(lines)
  let tree: unknown
  try {
    tree = document.toJS()
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause
    throw new ConfigError(['an alias (*name) has no anchor (&name) before it, or there are too many'])
  }
  if (isCyclic(tree, [])) throw new ConfigError(['an alias (*name) stands inside its own anchor (&name)'])
  return tree
}

function isCyclic(node: unknown, around: readonly unknown[]): boolean {
  if (typeof node !== 'object' || node === null) return false
  return around.includes(node) || Object.values(node).some((child) => isCyclic(child, [...around, node]))
}

/** Chihaya's other storages have other keys, which would only add noise to the one thing to be said. */
function takeForeignStorage(chihaya: unknown): Problem[] {
  const { storage } = (chihaya ?? {}) as { storage?: { name?: unknown; config?: unknown } }
  const name = storage?.name
  if (storage === undefined || typeof name !== 'string' || name === 'redis') return []
  delete storage.config
  delete storage.name
  const path: Path = ['chihaya', 'storage', 'name']
  const remedy =
    'Redswarm keeps all swarm state in Redis: write name: redis, and under config redis_broker: redis://127.0.0.1:6379/0'
  return [{ path, text: `${showValue(name)} is not available; ${remedy}` }]
}

function redisUrlOf(env: Environment, problems: Problem[]): RedisConnection | undefined {
  if (!env.REDIS_URL) return undefined
  try {
    return parseRedisUrl(env.REDIS_URL)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    problems.push({ path: [], text: `REDIS_URL in the environment ${error.message}` })
    return undefined
  }
}

/** The two files of HTTPS; undefined when it is off or when the file does not name both. */
function tlsOf({ http }: Settings, problems: Problem[]) {
  if (!http?.httpsAddr || !http.tlsCertPath || !http.tlsKeyPath) return undefined
  const read = readTlsPair(http.tlsCertPath, http.tlsKeyPath)
  for (const { key, text } of read.problems) problems.push({ path: ['chihaya', 'http', key], text })
  return read
}

function brokerOf({ storage, hooks }: Settings): RedisConnection | undefined {
  return (
    storage.config.connection ??
    findHook(hooks, 'passkey approval')?.options.redisBroker ??
    findHook(hooks, 'traffic push')?.options.redisBroker
  )
}
