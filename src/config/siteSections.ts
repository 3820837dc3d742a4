import type { z } from 'zod'
import type { Settings } from './build.ts'
import type { Problem, Relation } from './problem.ts'

/**
 * A section that the tracker does not read. The site's side defines it and the command line hands it to the loader, since
 * this folder does not know that side.
 */
export interface SiteSection<T> {
  readonly key: string
  /** With a default for a file without the section. */
  readonly schema: z.ZodType<T, unknown>
  /** What must hold between its keys, and between them and the rest of the file. */
  problems?(values: T, settings: Settings): Iterable<Relation>
  /** Asked for a file that has the section. */
  warnings?(values: T, settings: Settings): Iterable<Problem>
}

/** By the name that its values have in the configuration. */
export type SiteSections = Readonly<Record<string, SiteSection<unknown>>>
export type SiteValues<S extends SiteSections> = {
  readonly [Name in keyof S]: S[Name] extends SiteSection<infer T> ? T : never
}
