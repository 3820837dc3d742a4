import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadLua, luaFiles } from '../src/redis/script.ts'

/**
 * Runs luacheck over `lua/`: each script with its includes in place, as Redis gets it, and each helper alone, so that none
 * leans on what its includer defines. Without luacheck this says so and passes, but fails under `CI=true`. The length of
 * scripts and helpers is checked in any case.
 */
const LUA = new URL('../lua/', import.meta.url)
const ASSEMBLED = new URL('../.cache/lua/', import.meta.url) // line numbers in the findings are of these files
const UNUSED_LOCAL = '211' // a helper alone is a local function that nobody calls

const MOST_SCRIPT_LINES = 120
const MOST_HELPER_LINES = 40
/**
 * Scripts with a limit of their own. announce.lua: an announce is one atomic step, and a third of the file is the header
 * with its contract. What stands alone is a helper already; the rest shares so many locals that helpers would pass them all.
 */
const LONGER_SCRIPTS: Readonly<Record<string, number>> = { 'tracker/announce.lua': 200 }

function luacheck(...args: string[]): boolean {
  const { status, error } = spawnSync('luacheck', ['--quiet', ...args], { stdio: 'inherit' })
  if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') return status === 0
  process.stderr.write('luacheck is not installed (Debian: lua-check): lua/ was not checked\n')
  return process.env.CI !== 'true'
}

/** @param file below `lua/`. Comments count: the header is part of what a reader has to take in. */
function isShortEnough(file: string): boolean {
  const lines = readFileSync(new URL(file, LUA), 'utf8').trimEnd().split('\n').length
  const usual = file.startsWith('lib/') ? MOST_HELPER_LINES : MOST_SCRIPT_LINES
  const most = LONGER_SCRIPTS[file] ?? usual
  if (lines > most) process.stderr.write(`lua/${file}: ${lines} lines, at most ${most}\n`)
  return lines <= most
}

rmSync(ASSEMBLED, { recursive: true, force: true })
mkdirSync(ASSEMBLED, { recursive: true })
for (const name of luaFiles()) {
  const file = new URL(name, ASSEMBLED)
  mkdirSync(new URL('.', file), { recursive: true })
  writeFileSync(file, loadLua(name))
}
const helpers = readdirSync(new URL('lib/', LUA)).map((name) => `lib/${name}`)
const results = [
  ...[...luaFiles(), ...helpers].map(isShortEnough),
  luacheck(fileURLToPath(ASSEMBLED)),
  luacheck('--ignore', UNUSED_LOCAL, '--', fileURLToPath(new URL('lib/', LUA))),
]
process.exitCode = results.every(Boolean) ? 0 : 1
