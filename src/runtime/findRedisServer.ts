import { execFile } from 'node:child_process'
import { access, constants, lstat, mkdir } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { fetchRedisServer, unpackedProgram } from './fetchRedisServer.ts'

const run = promisify(execFile)

/** Functions, sharded pub/sub and script flags came with it; every Valkey has them. */
const OLDEST_MAJOR = 7

/** A server program that was asked for its version and answered. */
export interface RedisProgram {
  readonly path: string
  /** e.g. `7.0.15` */
  readonly version: string
  /** What it needs beside our own environment, e.g. where its libraries are. */
  readonly env: Readonly<Record<string, string>>
}

/** No usable server program. The message names everything tried and three ways out. */
export class NoRedisServer extends Error {
  override readonly name = 'NoRedisServer'
  /** EX_CONFIG of sysexits.h. */
  readonly exitCode = 78

  constructor(tried: readonly string[]) {
    super(
      [
        'No Redis to start with.',
        ...tried.map((line) => `  - ${line}`),
        'Do one of:',
        '  REDIS_URL=redis://host:6379 npm start          use a Redis or Valkey (7.0 or newer) you already run',
        '  sudo apt-get install redis-server              or: brew install redis, dnf install valkey',
        '  docker run --rm -p 6379:6379 redis:7-alpine    then REDIS_URL=redis://127.0.0.1:6379 npm start',
      ].join('\n'),
    )
  }
}

/**
 * Looks for a server program: `REDSWARM_REDIS_SERVER`, then `redis-server` and `valkey-server` on `PATH`, then a private
 * copy in `$XDG_CACHE_HOME/redswarm/redis` (`~/.cache` without it), which is fetched with the system's package tools (no root needed, nothing
 * installed) unless `REDSWARM_NO_FETCH` is set. `REDIS_URL` is the caller's business.
 *
 * @param env names and values as in `process.env`
 * @param onNotice one line for the user before anything is fetched
 * @throws NoRedisServer
 */
export async function findRedisServer(
  env: Readonly<Record<string, string | undefined>>,
  onNotice: (line: string) => void = () => {},
): Promise<RedisProgram> {
  const tried: string[] = []
  const attempt = async (label: string, path: string | undefined, extraEnv: Record<string, string> = {}) => {
    if (path === undefined) {
      tried.push(`${label}: not found`)
      return undefined
    }
    try {
      return await askVersion(path, extraEnv)
    } catch (error) {
      tried.push(`${label}: ${(error as Error).message}`)
      return undefined
    }
  }

  const named = env.REDSWARM_REDIS_SERVER
  if (named) {
    const program = await attempt('REDSWARM_REDIS_SERVER', named)
    if (program) return program
    throw new NoRedisServer(tried) // a wish that cannot be met is not replaced by something else in silence
  }
  tried.push('REDSWARM_REDIS_SERVER: not set')

  for (const name of ['redis-server', 'valkey-server']) {
    const program = await attempt(`${name} on PATH`, await onPath(name, env.PATH))
    if (program) return program
  }

  const cacheDir = await writableCacheDir(env)
  const cached = await unpackedProgram(cacheDir)
  const program = await attempt(`private copy in ${cacheDir}`, cached?.path, cached?.env)
  if (program) return program

  if (env.REDSWARM_NO_FETCH) {
    tried.push('fetching a private copy: forbidden by REDSWARM_NO_FETCH')
    throw new NoRedisServer(tried)
  }
  try {
    const fetched = await fetchRedisServer(cacheDir, onNotice)
    return await askVersion(fetched.path, fetched.env)
  } catch (error) {
    tried.push(`fetching a private copy: ${(error as Error).message}`)
    throw new NoRedisServer(tried)
  }
}

/** The user's cache folder, or one of our own below the temporary folder for users without a home. */
async function writableCacheDir(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const dir = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'redswarm', 'redis')
  try {
    await mkdir(dir, { recursive: true })
    await access(dir, constants.W_OK)
    return dir
  } catch {
    const uid = process.getuid?.() ?? 0
    const fallback = join(env.TMPDIR || tmpdir(), `redswarm-cache-${uid}`)
    await mkdir(fallback, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    const found = await lstat(fallback)
    // Programs are run from here: a folder that somebody else put there, or can write to, is no place for them.
    if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
      throw new NoRedisServer([`private copy: ${dir} is not writable, and ${fallback} is not ours alone`])
    }
    return fallback
  }
}

async function askVersion(path: string, env: Record<string, string>): Promise<RedisProgram> {
  let output: string
  try {
    output = (await run(path, ['--version'], { env: { ...process.env, ...env }, timeout: 10_000 })).stdout
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    throw new Error(`${path} does not run (${stderr?.trim().split('\n')[0] || `code ${code}`})`, {
      cause: error,
    })
  }
  const version = / v=(\d+\.\d+[\w.-]*)/.exec(output)?.[1]
  if (version === undefined) throw new Error(`${path} does not look like a Redis or Valkey server`)
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    throw new Error(`${path} is version ${version}, needed is ${OLDEST_MAJOR}.0 or newer`)
  }
  return { path, version, env }
}

async function onPath(name: string, path = ''): Promise<string | undefined> {
  for (const dir of path.split(delimiter)) {
    if (dir === '') continue
    const file = join(dir, name)
    const isProgram = await access(file, constants.X_OK).then(
      () => true,
      () => false, // not in this folder
    )
    if (isProgram) return file
  }
  return undefined
}
