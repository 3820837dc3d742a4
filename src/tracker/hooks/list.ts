import { announceRateHook } from './announceRate.ts'
import { clientApprovalHook } from './clientApproval.ts'
import type { HookDefinition } from './hook.ts'
import { intervalVariationHook } from './intervalVariation.ts'
import { jwtHook } from './jwt.ts'
import { passkeyApprovalHook } from './passkeyApproval.ts'
import { peerLimitHook } from './peerLimit.ts'
import { torrentApprovalHook } from './torrentApproval.ts'
import { trafficPushHook } from './trafficPush.ts'

/** Every hook there is. */
export const HOOKS = [
  passkeyApprovalHook,
  trafficPushHook,
  jwtHook,
  clientApprovalHook,
  torrentApprovalHook,
  intervalVariationHook,
  peerLimitHook,
  announceRateHook,
] as const

type ConfigOf<Definition> =
  Definition extends HookDefinition<infer Name, infer Options>
    ? { readonly name: Name; readonly options: Options }
    : never

/** One entry of `prehooks` or `posthooks`: plain data, which travels to workers. */
export type HookConfig = ConfigOf<(typeof HOOKS)[number]>
export type HookName = HookConfig['name']
export type HookOptions<Name extends HookName> = Extract<HookConfig, { name: Name }>['options']

/** The definition behind a name; undefined for a name that no hook has. */
export function definitionOf(name: string): HookDefinition<HookName, unknown> | undefined {
  return HOOKS.find((hook) => hook.name === name) as HookDefinition<HookName, unknown> | undefined
}

/** The options of the hook of that name; undefined where it is not in the list. */
export function optionsOf<Name extends HookName>(
  hooks: readonly HookConfig[],
  name: Name,
): HookOptions<Name> | undefined {
  return hooks.find((hook) => hook.name === name)?.options as HookOptions<Name> | undefined
}
