import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))
const read = (path: string) => readFileSync(join(SRC, path), 'utf8')

const DECLARATION = /^export (?:abstract |async )?(?:class|interface|type|const|function\*?) (\w+)/gm

interface Export {
  readonly name: string
  readonly path: string
}

/** What a file declares and exports itself. */
function declaredIn(path: string): Export[] {
  return [...read(path).matchAll(DECLARATION)].map(([, name]) => ({ name: name!, path }))
}

/** What `index.ts` hands out, and where each is declared. */
function libraryExports(): Export[] {
  const index = read('index.ts')
  const statements = index.matchAll(/^export (?:type )?(\*|\{[^}]*\}) from '\.\/([^']+)'/gm)
  return [...statements].flatMap(([, names, path]) => {
    if (names === '*') return declaredIn(path!)
    return [...names!.matchAll(/(\w+)(?=\s*[,}])/g)].map(([name]) => ({ name, path: path! }))
  })
}

/** Whether the declaration has a documentation comment right above it. */
function isDocumented({ name, path }: Export): boolean {
  const above = new RegExp(
    `\\*/\\nexport (?:abstract |async )?(?:class|interface|type|const|function\\*?) ${name}\\b`,
  )
  return above.test(read(path))
}

const exported = libraryExports()
const guide = readFileSync(join(dirname(SRC), 'docs/library.md'), 'utf8')

describe('what the library hands out', () => {
  test('holds what a site is promised', () => {
    const names = exported.map(({ name }) => name)
    for (const name of [
      'createTrafficConsumer',
      'Ledger',
      'createPasskeys',
      'createVerifyApp',
      'parseTrafficEvent',
    ])
      expect(names).toContain(name)
    expect(new Set(names).size).toBe(names.length)
  })

  test('has a documentation comment each', () => {
    expect(exported.filter((each) => !isDocumented(each))).toEqual([])
  })

  test('stands in the tables of docs/library.md, and nothing else does', () => {
    const rows = [...guide.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)]
    const listed = rows.flatMap(([, names]) => names!.replaceAll('`', '').split(', '))
    expect(listed.toSorted()).toEqual(exported.map(({ name }) => name).toSorted())
  })
})
