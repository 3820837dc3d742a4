import type { z } from 'zod'
import { type Path, type Problem, showValue, valueAt } from './problem.ts'
import { keysAt, marksAt } from './section.ts'

/**
 * Checks a tree against a schema and goes on after a mistake: what is wrong is taken out, so that its default stands in
 * and the relations between the other keys can still be checked.
 *
 * @param at where the tree stands in the file
 * @param raw a tree of the caller's own; it is changed
 * @returns every problem, and the value without the wrong parts. With problems it must not be used to run anything.
 */
export function validate<T extends z.ZodType>(
  schema: T,
  raw: unknown,
  at: Path,
): { value: z.output<T> | undefined; problems: Problem[] } {
  const problems: Problem[] = []
  let tree = raw
  for (;;) {
    const result = schema.safeParse(tree)
    if (result.success) return { value: result.data, problems }
    const before = problems.length
    for (const issue of result.error.issues) {
      const path = issue.path as Path
      const found = valueAt(tree, path)
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys)
          problems.push({
            path: [...at, ...path, key],
            text: `unknown key${suggestion(key, keysAt(schema, path))}`,
          })
      } else if (found === undefined) {
        problems.push({ path: [...at, ...path], text: 'is missing' })
      } else {
        problems.push({
          path: [...at, ...path],
          text: `${showValue(found, marksAt(schema, path))} ${reason(issue)}`,
        })
      }
    }
    const wrong = problems.slice(before).map(({ path }) => path.slice(at.length))
    const removed = wrong.filter((path) => remove(tree, path))
    if (removed.length > 0) continue
    if (before > 0 || wrong.some((path) => path.length > 0)) return { value: undefined, problems }
    tree = {} // not a section at all
  }
}

function reason(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message
  return issue.expected === 'array' ? 'is not a list' : 'is not a section of keys'
}

/**
 * Deletes the key; for an item of a list the whole list, since a list without one item is another list.
 *
 * @returns false when there was nothing to delete, as with a key that is missing
 */
function remove(tree: unknown, path: Path): boolean {
  const firstIndex = path.findIndex((key) => typeof key === 'number')
  const target = firstIndex < 0 ? path : path.slice(0, firstIndex)
  const parent = valueAt(tree, target.slice(0, -1))
  const key = target.at(-1)
  if (typeof parent !== 'object' || parent === null || key === undefined || !Object.hasOwn(parent, key))
    return false
  return delete (parent as Record<string | number, unknown>)[key]
}

function suggestion(name: string, names: readonly string[]): string {
  const [nearest] = names
    .map((candidate) => ({ candidate, distance: editDistance(name.slice(0, 64).toLowerCase(), candidate) }))
    .sort((one, other) => one.distance - other.distance)
  return nearest === undefined ? '' : `; the nearest known key is ${nearest.candidate}`
}

/** Levenshtein's distance. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (const [line, char] of [...one].entries()) {
    const next = [line + 1]
    for (let column = 0; column < other.length; column++)
      next.push(
        Math.min(next[column]! + 1, row[column + 1]! + 1, row[column]! + (char === other[column] ? 0 : 1)),
      )
    row = next
  }
  return row.at(-1)!
}
