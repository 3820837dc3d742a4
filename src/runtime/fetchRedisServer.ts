import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const PACKAGES = ['redis-server', 'redis-tools'] // on Debian and Ubuntu the program is in the second, its name in the first
// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
const DPKG_FORMAT = '${Package} ${db:Status-Status}\\n'
const APT_TIMEOUT_MS = 180_000

export interface UnpackedProgram {
  readonly path: string
  readonly env: Record<string, string>
}

/** The program in a folder filled by `fetchRedisServer`, or undefined when there is none. Whether it runs is not checked. */
export async function unpackedProgram(cacheDir: string): Promise<UnpackedProgram | undefined> {
  const root = join(cacheDir, 'root')
  if (!(await namesIn(join(root, 'usr', 'bin'))).includes('redis-server')) return undefined
  const libDirs: string[] = []
  for (const lib of [join(root, 'usr', 'lib'), join(root, 'lib')]) {
    for (const name of await namesIn(lib)) if (name.includes('-linux-')) libDirs.push(join(lib, name))
  }
  const inherited = process.env.LD_LIBRARY_PATH ? [process.env.LD_LIBRARY_PATH] : []
  const env = libDirs.length > 0 ? { LD_LIBRARY_PATH: [...libDirs, ...inherited].join(':') } : {}
  return { path: join(root, 'usr', 'bin', 'redis-server'), env }
}

/**
 * Downloads the distribution's Redis packages, checked by apt as for any install, and unpacks them below `cacheDir`,
 * an existing folder. Needs apt-get and dpkg-deb but no root, and changes nothing outside that folder. Two processes may
 * do it at once: each works in a folder of its own, and the first to finish is kept.
 *
 * @throws Error when a tool is missing or the packages cannot be had
 */
export async function fetchRedisServer(
  cacheDir: string,
  onNotice: (line: string) => void,
): Promise<UnpackedProgram> {
  for (const tool of ['apt-get', 'dpkg-deb']) {
    await run(tool, ['--version']).catch((cause) => {
      throw new Error(`${tool} is not on this machine`, { cause })
    })
  }
  onNotice(`Fetching a private copy of redis-server (about 2 MB, by apt-get download) into ${cacheDir}`)
  const target = join(cacheDir, 'root')
  await rm(target, { recursive: true, force: true }) // what is there was tried before and does not run
  const work = await mkdtemp(join(cacheDir, 'fetch-'))
  try {
    await downloadAndUnpack(work)
    await rename(join(work, 'root'), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error // else: another process was faster
    })
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1)
    throw new Error(stderr || (error as Error).message, { cause: error })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  const program = await unpackedProgram(cacheDir)
  if (!program) throw new Error('the downloaded packages hold no redis-server')
  return program
}

/** Entries of a folder; none when it does not exist. */
async function namesIn(dir: string): Promise<string[]> {
  return await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

async function downloadAndUnpack(work: string): Promise<void> {
  const dirs = {
    lists: join(work, 'lists'),
    cache: join(work, 'cache'),
    debs: join(work, 'debs'),
    root: join(work, 'root'),
  }
  for (const dir of [
    join(dirs.lists, 'partial'),
    join(dirs.cache, 'archives', 'partial'),
    dirs.debs,
    dirs.root,
  ]) {
    await mkdir(dir, { recursive: true })
  }
  const aptOptions = [
    ['Dir::State::Lists', dirs.lists],
    ['Dir::Cache', dirs.cache],
    ['Debug::NoLocking', '1'],
    ['APT::Sandbox::User', ''], // apt's own user cannot write into a folder of ours
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const apt = (program: string, ...args: string[]) =>
    run(program, [...aptOptions, ...args], {
      cwd: dirs.debs,
      timeout: APT_TIMEOUT_MS,
      env: { ...process.env, LC_ALL: 'C' },
    })

  await apt('apt-get', '-qq', 'update')
  const libraries = await missingLibraries(async (name) => (await apt('apt-cache', 'depends', name)).stdout)
  await apt('apt-get', '-qq', 'download', ...PACKAGES, ...libraries)
  for (const deb of await readdir(dirs.debs)) await run('dpkg-deb', ['-x', join(dirs.debs, deb), dirs.root])
}

/** Library packages that ours depend on, directly or not, and that this system does not have installed. */
async function missingLibraries(dependsOf: (name: string) => Promise<string>): Promise<string[]> {
  const { stdout } = await run('dpkg-query', ['-W', '-f', DPKG_FORMAT])
  const lines = stdout.split('\n').filter((line) => line.endsWith(' installed'))
  const installed = new Set(lines.map((line) => line.split(' ')[0]))
  const missing = new Set<string>()
  const queue = [...PACKAGES]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const [, dependency] of (await dependsOf(name)).matchAll(
      /^ *(?:Pre)?Depends: (lib[\w.+-]+|lua[\w.+-]+)/gm,
    )) {
      if (installed.has(dependency!) || missing.has(dependency!)) continue
      missing.add(dependency!)
      queue.push(dependency!)
    }
  }
  return [...missing]
}
