import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { loadLua } from '../../../src/redis/script.ts'
import { announceScript } from '../../../src/tracker/store/scripts/announce.ts'

const folders: string[] = []
afterEach(() => folders.splice(0).forEach((each) => void rmSync(each, { recursive: true })))

/** A folder of Lua files by name. */
async function luaFolder(files: Record<string, string>): Promise<URL> {
  const folder = mkdtempSync(join(tmpdir(), 'redswarm-lua-'))
  folders.push(folder)
  await mkdir(join(folder, 'lib'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return pathToFileURL(`${folder}/`)
}

test('an include line is replaced by its file, and every other line stays as it is', async () => {
  const folder = await luaFolder({
    'a.lua': '#!lua flags=no-writes\n--@include lib/one.lua\nreturn one() -- --@include lib/no.lua\n',
    'lib/one.lua': 'local function one() return 1 end',
  })
  expect(loadLua('a.lua', folder)).toBe(
    '#!lua flags=no-writes\nlocal function one() return 1 end\nreturn one() -- --@include lib/no.lua\n',
  )
})

test('includes of includes come before the code that needs them, and each file comes once', async () => {
  const folder = await luaFolder({
    'a.lua': '#!lua\n--@include lib/two.lua\n--@include lib/one.lua\n--@include lib/two.lua\nreturn two()',
    'lib/one.lua': 'ONE',
    'lib/two.lua': '--@include lib/one.lua\nTWO',
  })
  expect(loadLua('a.lua', folder).split('\n').filter(Boolean)).toEqual([
    '#!lua',
    'ONE',
    'TWO',
    'return two()',
  ])
})

test('files that include each other end, each of them once', async () => {
  const folder = await luaFolder({
    'a.lua': '#!lua\n--@include lib/one.lua',
    'lib/one.lua': '--@include lib/two.lua\nONE',
    'lib/two.lua': '--@include lib/one.lua\nTWO',
  })
  expect(loadLua('a.lua', folder)).toBe('#!lua\nTWO\nONE')
})

test('a missing script and a missing include are errors that name the file', async () => {
  const folder = await luaFolder({ 'a.lua': '#!lua\n--@include lib/none.lua' })
  expect(() => loadLua('none.lua', folder)).toThrow('none.lua')
  expect(() => loadLua('a.lua', folder)).toThrow('lib/none.lua')
})

test('a script without its flags line is an error: Redis would run it when memory is full', async () => {
  const folder = await luaFolder({ 'a.lua': 'return 1', 'b.lua': '\n#!lua\nreturn 1' })
  expect(() => loadLua('a.lua', folder)).toThrow('lua/a.lua: the first line must be #!lua')
  expect(() => loadLua('b.lua', folder)).toThrow('lua/b.lua')
})

test('a script is called by the hash that Redis gives it', () => {
  expect(announceScript.sha).toBe(createHash('sha1').update(announceScript.source, 'utf8').digest('hex'))
})
