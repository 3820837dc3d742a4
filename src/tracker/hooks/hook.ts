import type { Section } from '../../config/section.ts'
import type { Hook } from '../core/tracker.ts'
import type { JwkSet } from './jwkSet.ts'

/** What a hook is made with, beside its options. What it keeps outlives a reload. */
export interface HookDependencies {
  readonly scrapeRequiresPasskey: boolean
  /** Last good key set by URL, so that a reload leaves no moment without keys. */
  readonly keySets: Map<string, JwkSet>
  readonly onKeySetFailure: (error: Error) => void
}

/** Something about one option, by its key in the file. */
export interface Remark {
  readonly key: string
  readonly text: string
}

/** What the rest of the file says. */
export interface HookContext {
  hasHook(name: string): boolean
  /** Whether the file itself has this option; `options` have the defaults filled in. */
  isGiven(key: string): boolean
  readonly announceIntervalSeconds: number
  readonly peerLifetimeSeconds: number
  /** How long the HTTP frontend keeps a connection that waits for its answer; undefined without HTTP. */
  readonly httpPatienceMs: number | undefined
}

/** One hook: its name and options in the file, and what it does. */
export interface HookDefinition<Name extends string, Options> {
  readonly name: Name
  readonly options: Section<Options>
  /** It changes no answer, so it may also stand under `posthooks`. */
  readonly fitsPosthooks?: boolean
  /** What must hold between options; it counts only where none of the keys is wrong by itself. */
  problems?(
    options: Options,
    context: HookContext,
  ): Iterable<Remark & { readonly involves?: readonly string[] }>
  /** What does not stop the start and still should be known. */
  warnings?(options: Options, context: HookContext): Iterable<Remark>
  /** Keys that check-config leaves out, since they have no effect beside the other options. */
  hiddenKeys?(options: Options): readonly string[]
  create(options: Options, dependencies: HookDependencies): Hook
}

export function defineHook<const Name extends string, Options>(
  definition: HookDefinition<Name, Options>,
): HookDefinition<Name, Options> {
  return definition
}
