// Makes a fresh clone runnable: installs the locked packages when node_modules does not hold them, and compiles when a
// source changed. Plain JavaScript without dependencies, for the Node that the machine happens to have (18 or newer).
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { complaintAboutNode } from './nodeVersion.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const at = (...parts) => join(root, ...parts)
const binDir = at('node_modules', '.bin')
const say = (line) => process.stderr.write(`${line}\n`)

function fail(...lines) {
  for (const line of lines) say(line)
  process.exit(1)
}

/** The locked packages are all there, by the record that npm leaves in node_modules. Optional ones depend on the platform. */
function isInstalled() {
  const record = at('node_modules', '.package-lock.json')
  if (!existsSync(record)) return false
  const packagesIn = (file) => JSON.parse(readFileSync(file, 'utf8')).packages
  const present = packagesIn(record)
  return Object.entries(packagesIn(at('package-lock.json'))).every(([path, wanted]) => {
    if (!path.startsWith('node_modules/') || wanted.link || wanted.optional) return true
    return present[path]?.version === wanted.version && present[path].integrity === wanted.integrity
  })
}

/** Runs a program of npm's or of node_modules; the output is shown only when it fails. */
function run(what, command, args, env = process.env) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: 'utf8',
  })
  if (status === 0) return
  fail(
    `${stdout ?? ''}${stderr ?? ''}`.trimEnd(),
    `${what} failed (${error?.message ?? signal ?? `exit ${status}`}).`,
  )
}

/** npm's own cache folder, or one in the temporary folder for a user whose home cannot be written to. */
function npmEnvironment() {
  const cache = process.env.npm_config_cache
  if (!cache) return { env: process.env, done: () => {} }
  try {
    mkdirSync(cache, { recursive: true })
    accessSync(cache, constants.W_OK)
    return { env: process.env, done: () => {} }
  } catch {
    const dir = mkdtempSync(join(tmpdir(), 'redswarm-npm-'))
    return {
      env: { ...process.env, npm_config_cache: dir },
      done: () => rmSync(dir, { recursive: true, force: true }),
    }
  }
}

function install() {
  say('Installing the locked npm packages (once, a few hundred MB, usually under a minute) ...')
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  const { env, done } = npmEnvironment()
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  run('npm ci', npm[0], [...npm.slice(1), ...args], env)
  done()
}

/** Removes the Node that the workspace brought where it cannot run (musl), so that the machine's own is used and judged. */
function dropForeignNode() {
  const node = join(binDir, 'node')
  if (existsSync(node) && spawnSync(node, ['--version']).status !== 0) rmSync(node)
}

/** Changes with any change to a source, to the compiler's settings or to the packages. */
function sourcesDigest() {
  const hash = createHash('sha256')
  const add = (path) => {
    if (lstatSync(at(path)).isDirectory())
      for (const name of readdirSync(at(path)).sort()) add(join(path, name))
    else
      hash
        .update(`${path}\0`)
        .update(readFileSync(at(path)))
        .update('\0')
  }
  for (const path of ['src', 'tsconfig.json', 'package-lock.json']) add(path)
  return hash.digest('hex')
}

/** Outputs of sources that are gone; the compiler leaves them. */
function removeStaleOutputs(dir = '') {
  for (const entry of readdirSync(at('build', dir), { withFileTypes: true })) {
    const path = join(dir, entry.name)
    const source = at('src', entry.isDirectory() ? path : path.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts'))
    if (!existsSync(source)) rmSync(at('build', path), { recursive: true })
    else if (entry.isDirectory()) removeStaleOutputs(path)
  }
}

function build() {
  const stamp = at('build', '.sources')
  const digest = sourcesDigest()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  say('Compiling ...')
  rmSync(stamp, { force: true })
  run('tsc', join(binDir, 'tsc'), ['-p', '.'], {
    ...process.env,
    PATH: `${binDir}${delimiter}${process.env.PATH}`,
  })
  removeStaleOutputs()
  writeFileSync(stamp, digest)
}

const isOwnNodeAvailable = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
const complaint = complaintAboutNode(process.versions.node)
if (complaint && !isOwnNodeAvailable) fail(complaint)
if (!isInstalled()) install()
dropForeignNode()
if (complaint && !existsSync(join(binDir, 'node'))) fail(complaint)
build()
